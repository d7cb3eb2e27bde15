import { parse } from "yaml";
import { Problems, problem } from "../problems";

/** The part of the resolved compose document that is read or rewritten here; everything else passes through. */
export interface ComposeDocument {
  name: string;
  services: Record<string, ServiceNode>;
  configs?: Record<string, FileNode>;
  secrets?: Record<string, FileNode>;
  networks?: Record<string, NetworkNode | null>;
  volumes?: Record<string, object | null>;
  [key: string]: unknown;
}

export interface NetworkNode {
  name?: string;
  external?: boolean;
  labels?: Record<string, string>;
  [key: string]: unknown;
}

export interface ServiceNode {
  image?: string;
  build?: BuildNode;
  volumes?: VolumeNode[];
  configs?: FileUse[];
  secrets?: FileUse[];
  ports?: { published?: string; protocol?: string; host_ip?: string }[];
  scale?: number;
  deploy?: { replicas?: number; mode?: string };
  depends_on?: Record<string, { restart?: boolean; condition?: string }>;
  networks?: Record<string, unknown>;
  profiles?: string[];
  labels?: Record<string, string>;
  platform?: string;
  pull_policy?: string;
  "x-everfresh"?: unknown;
  [key: string]: unknown;
}

export interface VolumeNode {
  type: string;
  source?: string;
  target: string;
  read_only?: boolean;
  bind?: Record<string, unknown>;
  [key: string]: unknown;
}

/** How a service uses a config or a secret. */
export interface FileUse {
  source: string;
  target?: string;
  [key: string]: unknown;
}

export interface FileNode {
  name?: string;
  file?: string;
  environment?: string;
  content?: string;
  external?: boolean;
  [key: string]: unknown;
}

export interface BuildNode {
  context?: string;
  dockerfile?: string;
  dockerfile_inline?: string;
  args?: Record<string, string | null>;
  target?: string;
  platforms?: string[];
  labels?: Record<string, string>;
  additional_contexts?: Record<string, string>;
  secrets?: { source: string; target?: string }[];
  ssh?: string[];
  network?: string;
  extra_hosts?: string[];
  no_cache?: boolean;
  pull?: boolean;
  cache_from?: string[];
  cache_to?: string[];
  [key: string]: unknown;
}

/** What `docker compose config` printed, resolved and as written, and where the project lies. */
export interface ComposeText {
  resolved: string;
  /** The same as JSON, where YAML may not carry every text exactly; JSON has no extension fields. */
  exact?: string;
  /** The same with `--no-path-resolution`: tells a relative path from a path on the host. */
  written: string;
  /** The project's folder: the first compose file's. */
  folder: string;
  environment: Readonly<Record<string, string | undefined>>;
}

/** Undoes compose's escape of a dollar sign. */
export const plain = (text: string) => text.replaceAll("$$", "$");

/** The same in every text of a value, names included. */
export function plainWithin(value: unknown): unknown {
  if (typeof value === "string") return plain(value);
  if (Array.isArray(value)) return value.map(plainWithin);
  return value !== null && typeof value === "object"
    ? mapValues(value as Record<string, unknown>, plainWithin)
    : value;
}

/** A record's values mapped, its keys plain. */
export function mapValues<A, B>(record: Record<string, A>, f: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [plain(key), f(value)]));
}

/**
 * The document that `docker compose config` resolved; its strings still carry compose's `$$` for a dollar sign.
 *
 * @throws Problems when it is no YAML.
 */
export function readDocument({ resolved, exact }: ComposeText): ComposeDocument {
  return exactly(parsed(resolved), exact && JSON.parse(exact)) as ComposeDocument;
}

/** The document as it was written: paths not resolved, variables not replaced. */
export const readWritten = ({ written }: ComposeText) => parse(written) as ComposeDocument;

function parsed(resolved: string): unknown {
  try {
    return parse(resolved);
  } catch (error) {
    const [first] = (error as Error).message.split("\n");
    const what = `docker compose config prints something that is no YAML (${first})`;
    throw new Problems([
      problem("the compose file", what, "a text in it begins with an odd character: remove that"),
    ]);
  }
}

/** A document with the texts of another one where both have a text. */
function exactly(document: unknown, exact: unknown): unknown {
  if (typeof document === "string") return typeof exact === "string" ? exact : document;
  if (typeof document !== "object" || document === null) return document;
  if (typeof exact !== "object" || exact === null) return document;
  const other = exact as Record<string, unknown>;
  if (Array.isArray(document)) return document.map((value, i) => exactly(value, other[i]));
  return Object.fromEntries(
    Object.entries(document).map(([key, value]) => [key, exactly(value, other[key])]),
  );
}
