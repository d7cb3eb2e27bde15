import { Problems } from "../problems";
import type { StatCache } from "./stat-cache";

/**
 * What one build is made from: compose's `build` section with every path absolute and every variable
 * resolved.
 */
export interface BuildSpec {
  /** Absolute path of the context folder. */
  context: string;
  /** Relative to the context, or absolute. Default: `Dockerfile`. */
  dockerfile?: string;
  /** The Dockerfile's text itself; then `dockerfile` is not read. */
  dockerfileInline?: string;
  /** Build arguments; `null`: named, but without a value, as if it were not given. */
  args: Record<string, string | null>;
  /** The stage to build. Default: the last one. */
  target?: string;
  platforms: string[];
  labels: Record<string, string>;
  /**
   * Named contexts: an absolute folder; `service:` and a name for the image that another service builds, which counts by
   * its content ({@link IdentifyOptions.builtContents}); or anything else (`docker-image://…`, a URL), which counts as the
   * text it is.
   */
  additionalContexts: Record<string, string>;
  /** Ids only, never values: a rotated secret builds the same image. */
  secrets: string[];
  /** Ids only. */
  ssh: string[];
  /** The network of `RUN` (`host`, `none`, …). */
  network?: string;
  /** Extra lines for `/etc/hosts` during `RUN`, `name=address` each. */
  extraHosts?: string[];
  /** Of `/dev/shm` during `RUN`, as compose prints it. */
  shmSize?: string | number;
  /** During `RUN`, as compose prints them. */
  ulimits?: Record<string, unknown>;
  privileged?: boolean;
  entitlements?: string[];
  isolation?: string;
  /** As compose's `provenance` and `sbom`: attestations are a part of what is pushed. */
  provenance?: string | boolean;
  sbom?: string | boolean;
  /** Never counts: where a layer comes from does not change what is in it. */
  noCache?: boolean;
}

export interface IdentifyOptions {
  /** A nonce; another value is another content. */
  fresh?: string;
  /** The current digest of each base image that is to count by digest and not only by name. */
  baseDigests?: Record<string, string>;
  /**
   * The ONBUILD instructions of images that stages begin with; undefined for one of which nobody could say: the whole
   * context counts then. An image that is not named here is taken to have none, unless it has `onbuild` in its name.
   * One that another service builds is called `service:` and that service's name.
   */
  baseOnBuild?: Record<string, string[] | undefined>;
  /** The content hash of each service that the build begins with or copies from, by a `service:` context. */
  builtContents?: Record<string, string>;
  /** Remembers digests of unchanged files between runs. Without it, every byte is read. */
  cache?: StatCache;
}

export type EntryType = "file" | "symlink" | "directory" | "fifo" | "socket";

/** One entry of a context that counts. */
export interface ContentFile {
  /**
   * Relative to its context, `/` between the parts. A byte that is not UTF-8 is the code unit 0xDC00 + byte.
   */
  path: string;
  type: EntryType;
  /**
   * `0644`, `0755`, …: what git would keep. `=0600`: exactly these bits, where the umask does not explain
   * them.
   */
  mode: string;
  /** Of a file's bytes or a link's target, 64 hex digits; empty for the rest. */
  sha256: string;
  /** The named context it belongs to; absent for the main one. */
  context?: string;
}

export interface ContentIdentity {
  /** 64 hex digits: SHA-256 over {@link files} and {@link inputs}, and nothing else. */
  content: string;
  /** Whether everything in the context counts that the ignore rules leave. */
  wholeContext: boolean;
  /** Why it does, in words. */
  reasons: string[];
  /** Sorted by context, then path, in code units. */
  files: ContentFile[];
  /** Everything else that counts, readable. */
  inputs: Record<string, unknown>;
  /**
   * The ignore files that applied. They count only by what they leave; here they are why a file came or went.
   */
  ignoreFiles: { context?: string; path: string; sha256: string }[];
}

/** A user's mistake in something that is read here: `<where>: <what is wrong>; <what to do>`. */
export class ContentError extends Problems {
  constructor(problem: string) {
    super([problem]);
    this.name = "ContentError";
  }
}
