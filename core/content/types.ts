import { Problems } from "../problems";
import type { StatCache } from "./stat-cache";

/** What an image is built from: compose's `build` section with every path absolute and every variable resolved. */
export interface BuildSpec {
  /** Absolute path of the context folder. */
  context: string;
  /** Relative to the context, or absolute. Default: `Dockerfile`. */
  dockerfile?: string;
  /** The Dockerfile's text itself, in place of `dockerfile`. */
  dockerfileInline?: string;
  /** Build arguments. `null` means named without a value, which counts as not given. */
  args: Record<string, string | null>;
  /** The stage to build. Default: the last one. */
  target?: string;
  platforms: string[];
  labels: Record<string, string>;
  /**
   * Named contexts. An absolute folder counts by its files, `service:<name>` by the content of that service's image
   * ({@link IdentifyOptions.builtContents}), anything else (`docker-image://…`, a URL) by its text.
   */
  additionalContexts: Record<string, string>;
  /** Ids only, never values: a rotated secret builds the same image. */
  secrets: string[];
  /** The network of `RUN` (`host`, `none`, …). */
  network?: string;
  /** Extra lines for `/etc/hosts` during `RUN`, `name=address` each. */
  extraHosts?: string[];
  /** The size of `/dev/shm` during `RUN`, in bytes. */
  shmSize?: number;
  /** Compose's `provenance` and `sbom`: attestations are pushed with the image. */
  provenance?: string;
  sbom?: string;
}

export interface IdentifyOptions {
  /** A nonce: a new value gives a new content hash. */
  fresh?: string;
  /** The current digests of base images that count by digest, not only by name. */
  baseDigests?: Record<string, string>;
  /**
   * The ONBUILD instructions of images that stages begin with, by image; `service:<name>` for one that a service builds.
   * Undefined if unknown, in which case the whole context counts. An image that is not listed has none, unless its name
   * contains `onbuild`.
   */
  baseOnBuild?: Record<string, string[] | undefined>;
  /** The content hash of each service whose image the build uses through a `service:` context. */
  builtContents?: Record<string, string>;
  /** Remembers the digests of unchanged files between runs. Without it, every byte is read. */
  cache?: StatCache;
}

export type EntryType = "file" | "symlink" | "directory" | "fifo" | "socket";

/** An entry of a context that counts. */
export interface ContentFile {
  /** Relative to its context, `/` between the parts. A byte that is not UTF-8 is the code unit 0xDC00 + byte. */
  path: string;
  type: EntryType;
  /** `0644` or `0755` as git would record it; `=0600`, the exact bits, if the umask does not explain them. */
  mode: string;
  /** Of a file's bytes or of a link's target, 64 hex digits; empty for other types. */
  sha256: string;
  /** The name of its context; absent for the main one. */
  context?: string;
}

export interface ContentIdentity {
  /** 64 hex digits: SHA-256 over {@link files} and {@link inputs}, and nothing else. */
  content: string;
  /** Whether everything in the context counts, except ignored files. */
  wholeContext: boolean;
  /** Why the whole context counts, in words; empty if it does not. */
  reasons: string[];
  /** Sorted by context, then path, in code units. */
  files: ContentFile[];
  /** Everything else that counts, in a readable form. */
  inputs: Record<string, unknown>;
  /** The ignore files in effect. They do not count themselves; they are listed to explain why files appear or disappear. */
  ignoreFiles: { context?: string; path: string; sha256: string }[];
}

/** Something in a build that the user has to fix: `<where>: <what is wrong>; <what to do>`. */
export class ContentError extends Problems {
  constructor(problem: string) {
    super([problem]);
    this.name = "ContentError";
  }
}
