import { type Document, isMap, isPair, parseDocument, type Scalar, type ScalarTag, visit } from "yaml";
import { Problems, problem, refuse } from "../problems";
import { mapTexts, mapValues, own } from "../records";

/** The part of the resolved compose document that everfresh reads or rewrites; everything else passes through. */
export interface ComposeDocument {
  name: string;
  services: Record<string, ServiceNode>;
  configs?: Record<string, FileNode>;
  secrets?: Record<string, FileNode>;
  networks?: Record<string, NetworkNode | null>;
  volumes?: Record<string, VolumeDefinitionNode | null>;
  [key: string]: unknown;
}

export interface VolumeDefinitionNode {
  external?: boolean;
  "x-everfresh"?: unknown;
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
  deploy?: DeployNode;
  extra_hosts?: string[];
  devices?: (string | DeviceNode)[];
  security_opt?: string[];
  network_mode?: string;
  depends_on?: Record<string, { restart?: boolean; condition?: string; required?: boolean }>;
  networks?: Record<string, unknown>;
  profiles?: string[];
  labels?: Record<string, string>;
  platform?: string;
  pull_policy?: string;
  "x-everfresh"?: unknown;
  [key: string]: unknown;
}

export interface DeployNode {
  replicas?: number;
  mode?: string;
  resources?: Record<string, { cpus?: number | string; [key: string]: unknown } | null>;
  [key: string]: unknown;
}

export interface DeviceNode {
  source?: string;
  target?: string;
  permissions?: string;
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
  uid?: string;
  gid?: string;
  mode?: number | string;
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
  tags?: string[];
  network?: string;
  extra_hosts?: string[];
  no_cache?: boolean;
  no_cache_filter?: string[];
  shm_size?: string | number;
  provenance?: string | boolean;
  sbom?: string | boolean;
  entitlements?: string[];
  pull?: boolean;
  cache_from?: string[];
  cache_to?: string[];
  [key: string]: unknown;
}

/** The output of `docker compose config`, and where the project is. */
export interface ComposeText {
  /** Resolved, as YAML: complete, but some strings are not exact. */
  resolved: string;
  /** The same as JSON: every string is exact, but extension fields are missing and some keys have other names. */
  exact: string;
  /**
   * The meaning of a missing `create_host_path` on a bind mount: compose up to 2.40 prints it only if `true`, from 5 on
   * only if `false`.
   */
  createHostPath: boolean;
  /**
   * As YAML, with variables replaced but paths as written, to distinguish relative paths from paths on the host. `marks`
   * holds what `$HOME` and `$PWD` were replaced by.
   */
  written: string;
  /** Placeholders for this machine's home folder and the project's folder in `written`; they occur nowhere else. */
  marks: { home: string; folder: string };
  /** Like `resolved` and `exact`, with the services of all profiles; absent if there are no profiles. */
  whole?: { resolved: string; exact: string };
  /** The text of the compose files themselves. */
  sources: string;
  /** Compose's own warnings. */
  warnings: readonly string[];
  /** The project's folder: the first compose file's. */
  folder: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** The variables of `environment` that configs and secrets use and that only the env file sets. */
  fromEnvFile: Readonly<Record<string, string>>;
}

/** Whether a variable's value was not UTF-8: Node replaces invalid bytes when it starts. */
export const hasLostBytes = (value: string): boolean => value.includes("\ufffd");

/** The document with its paths as written. */
export const readWritten = ({ written }: ComposeText) => parsePrinted(written).toJS() as ComposeDocument;

/** The project's name. */
export const projectNameOf = ({ exact }: ComposeText) => (JSON.parse(exact) as { name: string }).name;

/** The original text: compose doubles every dollar sign that it prints, in keys too. */
export const undoubled = (text: string): string => text.replaceAll("$$", "$");

/**
 * The document that `docker compose config` resolved: every key and string as the containers should get it, and an
 * explicit `create_host_path: true` on each bind mount that has it.
 *
 * @throws Problems for what compose did not print exactly.
 */
export function readDocument({
  resolved,
  exact,
  createHostPath,
}: Pick<ComposeText, "resolved" | "exact" | "createHostPath">): ComposeDocument {
  const printed = parsePrinted(resolved);
  refuse([...notUtf8(printed), ...inexactExtensions(printed, resolved)]);
  const document = mapTexts(
    exactly(printed.toJS(), JSON.parse(exact)),
    undoubled,
    undoubled,
  ) as ComposeDocument;
  if (createHostPath) {
    for (const volume of bindMounts(document)) volume.bind = { create_host_path: true, ...volume.bind };
  }
  return document;
}

/** The bind mounts of all services. */
export const bindMounts = ({ services }: Pick<ComposeDocument, "services">): VolumeNode[] =>
  Object.values(services ?? {}).flatMap(({ volumes = [] }) => volumes.filter(({ type }) => type === "bind"));

/**
 * Scalars as go-yaml, which compose uses, prints them. It leaves a string unquoted if its own reader would read it back as a
 * string, such as a number that is too large (`7e12345`, `0x…` with 64 digits), and prints numbers in decimal
 * (gopkg.in/yaml.v3, resolve.go).
 */
const scalars: ScalarTag[] = [
  { tag: "tag:yaml.org,2002:null", default: true, test: /^(?:~|null)?$/, resolve: () => null },
  {
    tag: "tag:yaml.org,2002:bool",
    default: true,
    test: /^(?:true|false)$/,
    resolve: (text) => text === "true",
  },
  {
    tag: "tag:yaml.org,2002:float",
    default: true,
    test: /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/,
    resolve: (text) => {
      const number = Number(text);
      if (!Number.isFinite(number)) return text;
      return /^-?\d+$/.test(text) && !Number.isSafeInteger(number) ? BigInt(text) : number;
    },
  },
];

/** @throws Problems if it is not YAML. They do not quote the text, which may contain a secret. */
function parsePrinted(text: string): Document.Parsed {
  const document = parseDocument(text, {
    schema: "failsafe",
    customTags: scalars,
    // Different keys may look the same when they are not printed exactly.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "error",
  });
  const [error] = document.errors;
  if (error === undefined) return document;
  const line = text.slice(0, error.pos[0]).split("\n").length;
  throw new Problems([
    problem(
      "the compose file",
      `docker compose config prints something that is not YAML (${error.code}, line ${line})`,
      "remove the odd character that a text in it begins with",
    ),
  ]);
}

/** go-yaml prints a text that is not UTF-8 as `!!binary`; a compose file cannot carry one to a host. */
function notUtf8(document: Document.Parsed): string[] {
  const problems: string[] = [];
  visit(document, {
    Scalar(key, { tag, value }, ancestors) {
      if (tag !== "tag:yaml.org,2002:binary") return;
      const keys = ancestors.flatMap((node) => (isPair(node) ? [String((node.key as Scalar).value)] : []));
      const where = key === "key" ? [...keys.slice(0, -1), String(value)] : keys;
      problems.push(
        problem(where.join("."), "has bytes that are not UTF-8", "write it in UTF-8, or in base64"),
      );
    },
  });
  return problems;
}

/**
 * What go-yaml does not print exactly: it drops a leading line break (a block scalar with an indentation indicator) and does
 * not quote Unicode line endings. The JSON is exact but lacks extension fields.
 */
const inexact = /(?:: |- )[|>]\d[-+]?$|[\u0085\u2028\u2029]/m;

function inexactExtensions(document: Document.Parsed, text: string): string[] {
  const services = document.get("services");
  if (!isMap(services) || !inexact.test(text)) return [];
  return services.items.flatMap(({ key, value }) => {
    const node = isMap(value) ? value.get("x-everfresh", true) : undefined;
    if (!node?.range || !inexact.test(text.slice(node.range[0], node.range[1]))) return [];
    return problem(
      `services.${key}.x-everfresh`,
      "has a text that begins with a blank or a line break, or contains a Unicode line ending (U+0085, U+2028, U+2029), which docker compose does not print exactly",
      "remove it",
    );
  });
}

/** A document with strings taken from another one wherever both have a string. */
function exactly(document: unknown, exact: unknown): unknown {
  if (typeof document !== "object" || document === null) return typeof exact === "string" ? exact : document;
  if (typeof exact !== "object" || exact === null) return document;
  const other = exact as Record<string, unknown>;
  if (Array.isArray(document)) return document.map((value, i) => exactly(value, other[i]));
  // Keys with line endings are as inexact as values; only maps of strings have them.
  if (Object.keys(other).some((key) => /[\n\u0085\u2028\u2029]/.test(key))) return other;
  return mapValues(document as Record<string, unknown>, (value, key) => exactly(value, own(other, key)));
}
