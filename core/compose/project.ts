import path from "node:path";
import { parse } from "yaml";
import type { BuildSpec } from "../content";
import type { Check } from "../host/types";
import { Problems, problem } from "../problems";
import { parseOptions } from "./options";

/** A team's compose project, as `docker compose config` resolves it. */
export interface ComposeProject {
  name: string;
  /** Dependencies before those that depend on them. */
  services: ComposeService[];
  /** Everything on this machine that the compose file mounts into a container. */
  files: ReferencedFile[];
  /** The resolved document; its strings still carry compose's `$$` for a dollar sign. */
  document: ComposeDocument;
}

export interface ComposeService {
  name: string;
  /** How it is built; absent for a service that only names an image. */
  build?: BuildSpec;
  /** What else the builder is told; none of it is part of the image. */
  buildOptions: BuildOptions;
  image?: string;
  replicas: number;
  /** Services that are to be restarted whenever this one is recreated. */
  restarts: string[];
  verify: Check[];
  /** Host ports it publishes, with the interface they are bound to if one is given. */
  published: { port: number; hostIp?: string; protocol: string }[];
}

export interface BuildOptions {
  secrets: BuildSecret[];
  noCache: boolean;
  pull: boolean;
  cacheFrom: string[];
  cacheTo: string[];
}

export type BuildSecret = { id: string; file: string } | { id: string; environment: string };

/** One file or folder that belongs to the release. */
export interface ReferencedFile {
  /** What the compose document names it by: a bind mount's source, else the setting, such as `configs.proxy`. */
  key: string;
  /** Absolute, on this machine; absent where `text` is the content itself. */
  source?: string;
  text?: string;
  /** The setting that refers to it, for messages. */
  where: string;
  /** The services that mount it. */
  services: string[];
  /** Its name in the store, and in messages. */
  name: string;
}

/** The part of the resolved compose document that is read or rewritten here; everything else passes through. */
export interface ComposeDocument {
  name: string;
  services: Record<string, ServiceNode>;
  configs?: Record<string, FileNode>;
  secrets?: Record<string, FileNode>;
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
  depends_on?: Record<string, { restart?: boolean }>;
  labels?: Record<string, string>;
  platform?: string;
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

interface BuildNode {
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

function plainWithin(value: unknown): unknown {
  if (typeof value === "string") return plain(value);
  if (Array.isArray(value)) return value.map(plainWithin);
  return value !== null && typeof value === "object"
    ? mapValues(value as Record<string, unknown>, plainWithin)
    : value;
}

/** Build settings that are honoured; any other is refused rather than ignored. */
const knownBuildKeys = new Set([
  "context",
  "dockerfile",
  "dockerfile_inline",
  "args",
  "target",
  "platforms",
  "labels",
  "additional_contexts",
  "secrets",
  "network",
  "extra_hosts",
  "no_cache",
  "cache_from",
  "cache_to",
  "pull",
]);

/**
 * Reads a resolved compose document.
 *
 * @throws Problems naming every setting that cannot be carried out.
 */
export function readProject(text: ComposeText): ComposeProject {
  const document = exactly(parsed(text.resolved), text.exact && JSON.parse(text.exact)) as ComposeDocument;
  const written = parse(text.written) as ComposeDocument;
  const problems: string[] = [];
  const services: ComposeService[] = [];
  const files = new FileList();

  for (const name of dependencyOrder(document.services ?? {})) {
    const node = document.services[name]!;
    const options = parseOptions(plainWithin(node["x-everfresh"]), `services.${name}.x-everfresh`, problems);
    services.push({
      name,
      ...(node.build ? { build: readBuild(name, node, problems) } : {}),
      buildOptions: {
        secrets: readBuildSecrets(name, node, document, problems),
        noCache: node.build?.no_cache === true,
        pull: node.build?.pull === true,
        cacheFrom: (node.build?.cache_from ?? []).map(plain),
        cacheTo: (node.build?.cache_to ?? []).map(plain),
      },
      ...(node.image ? { image: plain(node.image) } : {}),
      restarts: Object.entries(document.services)
        .filter(([, other]) => other.depends_on?.[name]?.restart)
        .map(([other]) => other),
      replicas: node.scale ?? node.deploy?.replicas ?? 1,
      verify: options.verify,
      published: readPorts(node),
    });
    for (const [kind, uses] of [
      ["configs", node.configs],
      ["secrets", node.secrets],
    ] as const) {
      for (const { source } of uses ?? []) {
        const file = readFileNode(kind, source, document[kind]?.[source], text, problems);
        if (file) files.add(file, name);
      }
    }
    const writtenVolumes = written.services?.[name]?.volumes ?? [];
    for (const [i, volume] of (node.volumes ?? []).entries()) {
      if (volume.type !== "bind" || volume.source === undefined) continue;
      const source = plain(volume.source);
      // By its place in the list: a target may be written with a variable.
      const raw = (
        writtenVolumes.length === node.volumes?.length
          ? writtenVolumes[i]
          : writtenVolumes.find(({ target }) => target === volume.target)
      )?.source;
      const where = `services.${name}.volumes (${volume.target})`;
      if (raw?.startsWith("~")) {
        problems.push(
          problem(
            where,
            `\`${raw}\` means this machine's home folder`,
            "give a relative path (shipped) or an absolute one (the host's)",
          ),
        );
      } else if (raw?.startsWith(".") || (!raw?.startsWith("/") && isInside(text.folder, source))) {
        files.add({ key: source, source, where, name: path.basename(source) }, name);
      }
    }
  }
  if (services.length === 0)
    problems.push(problem("services", "there are none", "add a service to the compose file"));
  if (problems.length > 0) throw new Problems(problems);
  return { name: document.name, services, files: files.all(), document };
}

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

/** The services' names, each after those that it depends on; compose has refused cycles before. */
function dependencyOrder(services: Record<string, ServiceNode>): string[] {
  const order = new Set<string>();
  const visit = (name: string) => {
    for (const dependency of Object.keys(services[name]?.depends_on ?? {})) {
      if (services[dependency] && !order.has(dependency)) visit(dependency);
    }
    order.add(name);
  };
  for (const name of Object.keys(services)) visit(name);
  return [...order];
}

/** Files by key, so that one that several services mount is shipped once. */
class FileList {
  readonly #files = new Map<string, ReferencedFile>();

  add(file: Omit<ReferencedFile, "services">, service: string): void {
    const known = this.#files.get(file.key) ?? { ...file, services: [] };
    if (!known.services.includes(service)) known.services.push(service);
    this.#files.set(file.key, known);
  }

  all(): ReferencedFile[] {
    return [...this.#files.values()];
  }
}

function isInside(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== ".." && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

function readBuild(service: string, node: ServiceNode, problems: string[]): BuildSpec {
  const build = node.build!;
  const where = `services.${service}.build`;
  for (const key of Object.keys(build)) {
    if (!knownBuildKeys.has(key) && !key.startsWith("x-")) {
      problems.push(
        problem(
          `${where}.${key}`,
          "is not supported",
          "remove it; the image must be the same for everybody who builds it",
        ),
      );
    }
  }
  const context = plain(build.context ?? ".");
  if (/^[a-z+]+:\/\/|^git@|\.git(#.*)?$/i.test(context)) {
    problems.push(
      problem(
        `${where}.context`,
        `\`${context}\` is remote`,
        "build from a folder of this machine, so that its content can be identified",
      ),
    );
  }
  for (const [name, source] of Object.entries(build.additional_contexts ?? {})) {
    if (source.startsWith("service:")) {
      problems.push(
        problem(
          `${where}.additional_contexts.${name}`,
          "builds on another service's image",
          "name a stage of one Dockerfile or a folder instead",
        ),
      );
    }
  }
  const platforms = build.platforms?.map(plain) ?? (node.platform ? [plain(node.platform)] : []);
  if (platforms.length > 1) {
    problems.push(
      problem(`${where}.platforms`, "names several platforms", "name the one that the hosts have"),
    );
  }
  return {
    context,
    ...(build.dockerfile ? { dockerfile: plain(build.dockerfile) } : {}),
    ...(build.dockerfile_inline !== undefined ? { dockerfileInline: plain(build.dockerfile_inline) } : {}),
    args: mapValues(build.args ?? {}, (value) => (value === null ? null : plain(String(value)))),
    ...(build.target ? { target: plain(build.target) } : {}),
    platforms,
    labels: mapValues(build.labels ?? {}, (value) => plain(String(value))),
    additionalContexts: mapValues(build.additional_contexts ?? {}, plain),
    secrets: (build.secrets ?? []).map(({ source, target }) => plain(target ?? source)),
    ssh: [],
    ...(build.network ? { network: build.network } : {}),
    ...(build.extra_hosts ? { extraHosts: build.extra_hosts.map(plain) } : {}),
  };
}

function readBuildSecrets(
  service: string,
  node: ServiceNode,
  document: ComposeDocument,
  problems: string[],
): BuildSecret[] {
  return (node.build?.secrets ?? []).flatMap(({ source, target }): BuildSecret[] => {
    const secret = document.secrets?.[source];
    const id = plain(target ?? source);
    if (secret?.file) return [{ id, file: plain(secret.file) }];
    if (secret?.environment) return [{ id, environment: plain(secret.environment) }];
    problems.push(
      problem(
        `services.${service}.build.secrets`,
        `\`${source}\` has neither \`file\` nor \`environment\``,
        "declare it under `secrets:`",
      ),
    );
    return [];
  });
}

function readFileNode(
  kind: "configs" | "secrets",
  source: string,
  node: FileNode | undefined,
  { environment }: ComposeText,
  problems: string[],
): Omit<ReferencedFile, "services"> | undefined {
  const where = `${kind}.${source}`;
  const text = (value: string) => ({ key: where, text: value, where, name: source });
  if (node?.file) {
    const file = plain(node.file);
    return { key: where, source: file, where, name: path.basename(file) };
  }
  if (node?.content !== undefined) return text(plain(node.content));
  if (node?.environment) {
    const value = environment[plain(node.environment)];
    if (value !== undefined) return text(value);
    problems.push(
      problem(where, `the variable ${node.environment} is not set`, "set it where `pulumi up` runs"),
    );
  }
  return undefined;
}

function readPorts(node: ServiceNode): ComposeService["published"] {
  return (node.ports ?? []).flatMap(({ published, protocol, host_ip }) => {
    const port = Number(published);
    if (!Number.isInteger(port) || port <= 0) return [];
    return [{ port, protocol: protocol ?? "tcp", ...(host_ip ? { hostIp: host_ip } : {}) }];
  });
}

function mapValues<A, B>(record: Record<string, A>, f: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [plain(key), f(value)]));
}
