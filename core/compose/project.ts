import path from "node:path";
import type { BuildSpec } from "../content";
import type { Check, FileAccess, HostPath } from "../host/types";
import { Problems, problem } from "../problems";
import { own } from "../records";
import { type BuildOptions, imageNames, readBuild, readBuildOptions } from "./build";
import {
  type ComposeDocument,
  type ComposeText,
  type FileNode,
  hasLostBytes,
  readDocument,
  readWritten,
  type ServiceNode,
} from "./document";
import { accessOf, accessProblems, fileKey } from "./file-access";
import { imageVolumeProblems } from "./image-volumes";
import { type Place, parseOptions } from "./options";
import { publishes, replicasOf } from "./publishes";
import { isRenewed } from "./pull-policy";
import { profileKey, seccompProfile } from "./seccomp";
import { ownerOf, thisMachineProblems } from "./this-machine";

/** A team's compose project, as `docker compose config` resolves it. */
export interface ComposeProject {
  name: string;
  /** The folder of its first compose file, absolute. */
  folder: string;
  /** Dependencies before those that depend on them. */
  services: ComposeService[];
  /** Configs, secrets, seccomp profiles, and the sources of relative bind mounts: {@link placeMounts} tells which of these are shipped. */
  files: ReferencedFile[];
  /** The resolved document, every text as a container is to get it. */
  document: ComposeDocument;
  /** Services of inactive profiles that have a `build:` section: built only where another build needs their image. */
  inactive: InactiveService[];
}

/** How a service's image is built. */
export interface ServiceBuild {
  name: string;
  build: BuildSpec;
  buildOptions: BuildOptions;
  /** What Dockerfiles of the project call its image: names that compose gives to it. */
  imageNames: string[];
}

export interface InactiveService extends ServiceBuild {
  /** What of its `build:` cannot be carried out. */
  problems: string[];
}

export interface ComposeService {
  name: string;
  /** How it is built; absent for a service that only names an image. */
  build?: BuildSpec;
  /** What else the builder is told; none of it is part of the image. */
  buildOptions: BuildOptions;
  /** What Dockerfiles of the project call the image that it builds; empty for one that runs what another service builds. */
  imageNames: string[];
  image?: string;
  /** Whether its image is to be the one that its tag means at each `up`. */
  followsTag: boolean;
  replicas: number;
  /** Services that are to be restarted whenever this one is recreated. */
  restarts: string[];
  verify: Check[];
  /** Volumes that are made anew with each image: see `x-everfresh.volumes`. */
  imageVolumes: string[];
  /** Where the sources of its relative bind mounts are: see `x-everfresh.mounts`. */
  mounts: Record<string, Place>;
  /** Host ports it publishes, with the interface they are bound to if one is given. */
  published: { port: number; hostIp?: string; protocol: string }[];
}

export const isBuilt = (service: ComposeService): service is ComposeService & ServiceBuild =>
  service.build !== undefined;

/** One file or folder that belongs to the release. */
export interface ReferencedFile {
  /** What the compose document names it by: a bind mount's source, else the setting, such as `configs.proxy` or `seccomp=a.json`. */
  key: string;
  /** Absolute, on this machine; absent where `text` is the content itself. */
  source?: string;
  text?: string;
  /** The setting that refers to it, for messages. */
  where: string;
  /** The services that use it. */
  services: string[];
  /** Its name in the store, and in messages. */
  name: string;
  /** Owner and mode in containers, if a service asks for them. */
  access?: FileAccess;
  /** Whether a container may write to it. */
  writable?: boolean;
  /** Of a bind mount: who mounts it, and where in the container. */
  mounts?: { service: string; target: string }[];
  /** It is written with a slash at its end. */
  asFolder?: boolean;
  /** docker is not to make a folder where it is missing (`create_host_path: false`). */
  mustExist?: boolean;
  /** What in this folder is the host's own, by absolute paths of this machine: it is shipped empty. */
  hostPaths?: ReadonlyMap<string, HostPath["kind"]>;
}

/**
 * Reads a resolved compose document.
 *
 * @throws ProjectProblems naming every setting that cannot be carried out.
 */
export function readProject(text: ComposeText): ComposeProject {
  const document = readDocument(text);
  const whole = text.whole ? readDocument({ ...text.whole, createHostPath: text.createHostPath }) : document;
  const builders = shareBuilds(document, whole);
  const built = new Map(
    [...builders].flatMap((name) =>
      imageNames(document.name, name, own(document.services, name)!).map((image) => [image, name]),
    ),
  );
  const written = readWritten(text);
  const problems: string[] = [];
  const services: ComposeService[] = [];
  const files = new FileList();

  for (const name of dependencyOrder(document.services ?? {})) {
    const node = own(document.services, name)!;
    const options = parseOptions(node["x-everfresh"], `services.${name}.x-everfresh`, problems);
    services.push({
      name,
      ...(node.build ? { build: readBuild(name, node, text, problems) } : {}),
      buildOptions: readBuildOptions(name, node, whole, text, problems),
      imageNames: builders.has(name) ? imageNames(document.name, name, node) : [],
      ...(node.image ? { image: node.image } : {}),
      followsTag: !node.build && isRenewed(node) && !node.image?.includes("@"),
      restarts: Object.entries(document.services)
        .filter(([, other]) => own(other.depends_on, name)?.restart)
        .map(([other]) => other),
      replicas: replicasOf(node),
      ...options,
      published: publishes(node) ? readPorts(node) : [],
    });
    for (const [kind, uses] of [
      ["configs", node.configs],
      ["secrets", node.secrets],
    ] as const) {
      for (const use of uses ?? []) {
        const node = own(document[kind], use.source);
        const file = readFileNode(kind, use.source, node, text, problems);
        const access = accessOf(use, node);
        if (file === undefined) continue;
        if (access === undefined) files.add(file, name);
        else {
          const where = `services.${name}.${kind} (${use.source})`;
          problems.push(...accessProblems(where, access));
          files.add({ ...file, key: fileKey(kind, use, node), where, access }, name);
        }
      }
    }
    for (const option of node.security_opt ?? []) {
      const profile = seccompProfile(option);
      if (profile === undefined) continue;
      const where = `services.${name}.security_opt`;
      if (profile.startsWith("~")) problems.push(inHome(where, profile));
      else {
        const source = path.resolve(text.folder, profile);
        files.add({ key: profileKey(profile), source, where, name: path.basename(source) }, name);
      }
    }
    if (node.provider !== undefined)
      problems.push(
        problem(
          `services.${name}.provider`,
          "is a plugin of docker compose instead of an image, and what it makes cannot be proved",
          "set it up on the host by itself, and tell the services that need it where it is",
        ),
      );
    const writtenVolumes = own(written.services, name)?.volumes ?? [];
    for (const [i, volume] of (node.volumes ?? []).entries()) {
      if (volume.type === "image" && volume.source !== undefined && built.has(volume.source))
        problems.push(
          problem(
            `services.${name}.volumes (${volume.target})`,
            `mounts the image \`${volume.source}\`, which ${built.get(volume.source)} builds, and hosts know it by its digest alone`,
            `copy its files into an image of this service: \`COPY --from=${volume.source} …\``,
          ),
        );
      if (volume.type !== "bind" || volume.source === undefined) continue;
      const { source } = volume;
      // By its place in the list: a target may be written with a variable.
      const raw = (
        writtenVolumes.length === node.volumes?.length
          ? writtenVolumes[i]
          : writtenVolumes.find(({ target }) => target === volume.target)
      )?.source;
      const where = `services.${name}.volumes (${volume.target})`;
      const owner = ownerOf(raw, source, text);
      // Compose leaves these as they are. It takes `v:/v` for a folder of drive V, too.
      if (/^([a-z]:[\\/]|\\\\)/i.test(source)) {
        problems.push(
          problem(
            where,
            `\`${source}\` is a path of Windows`,
            "give a relative path or one of the host's, or a volume's name of two letters or more",
          ),
        );
      } else if (owner === "home") {
        problems.push(inHome(where, raw!.replace(text.marks.home, "$HOME")));
      } else if (owner === "project") {
        const mount: Omit<ReferencedFile, "services"> = {
          ...{ key: source, source, where, name: path.basename(source) },
          writable: volume.read_only !== true,
          mounts: [{ service: name, target: volume.target }],
          ...(raw?.endsWith("/") && { asFolder: true }),
          ...(volume.bind?.create_host_path === false && { mustExist: true }),
        };
        files.add(mount, name);
      }
    }
  }
  problems.push(
    ...portClashes(services),
    ...imageVolumeProblems(services, document),
    ...thisMachineProblems(written, text),
  );
  for (const [key, network] of Object.entries(document.networks ?? {})) {
    if (!/[\p{Cc}|]/u.test(network?.name ?? "")) continue;
    problems.push(problem(`networks.${key}.name`, "has a `|` or a control character", "choose another name"));
  }
  if (services.length === 0)
    problems.push(
      problem(
        "services",
        "there are none, or none of an active profile",
        "add a service, or name a profile in COMPOSE_PROFILES",
      ),
    );
  const project = {
    name: document.name,
    folder: text.folder,
    services,
    files: files.all(),
    document,
    inactive: readInactive(text, whole, document),
  };
  if (problems.length > 0) throw new ProjectProblems(problems, project);
  return project;
}

const inHome = (where: string, written: string): string =>
  problem(
    where,
    `\`${written}\` means this machine's home folder`,
    "give a relative path (shipped) or an absolute one (the host's)",
  );

/** What is wrong with a project, and as much of it as could be read: there may be more to say of that. */
export class ProjectProblems extends Problems {
  constructor(
    problems: readonly string[],
    readonly project: ComposeProject,
  ) {
    super(problems);
  }
}

/**
 * A service that names the image which another one builds is to run what that build makes, also where the other one's
 * profile is not active.
 *
 * @returns the services that have a `build:` of their own.
 */
function shareBuilds({ name: project, services = {} }: ComposeDocument, whole: ComposeDocument): Set<string> {
  const buildersOf = (all: ComposeDocument["services"] = {}) =>
    Object.entries(all).filter(([, { build }]) => build);
  const builders = buildersOf(services);
  const all = [...builders, ...buildersOf(whole.services)];
  for (const node of Object.values(services)) {
    const { image } = node;
    if (node.build || image === undefined) continue;
    const builder = all.find(([name, node]) => imageNames(project, name, node).includes(image));
    if (builder) node.build = builder[1].build!;
  }
  return new Set(builders.map(([name]) => name));
}

/** The services that no active profile has, as far as they are built. */
function readInactive(
  text: ComposeText,
  whole: ComposeDocument,
  { services: active }: ComposeDocument,
): InactiveService[] {
  const nodes = Object.entries(whole.services ?? {}).filter(
    ([name, { build }]) => build && !Object.hasOwn(active ?? {}, name),
  );
  return nodes.map(([name, node]) => {
    const problems: string[] = [];
    const build = readBuild(name, node, text, problems);
    const buildOptions = readBuildOptions(name, node, whole, text, problems);
    return { name, build, buildOptions, imageNames: imageNames(whole.name, name, node), problems };
  });
}

/** The services' names, each after those that it depends on; compose has refused cycles before. */
function dependencyOrder(services: Record<string, ServiceNode>): string[] {
  const order = new Set<string>();
  const visit = (name: string) => {
    for (const dependency of Object.keys(own(services, name)?.depends_on ?? {})) {
      if (Object.hasOwn(services, dependency) && !order.has(dependency)) visit(dependency);
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
    const known = this.#files.get(file.key);
    if (known === undefined) {
      this.#files.set(file.key, { ...file, services: [service] });
      return;
    }
    if (!known.services.includes(service)) known.services.push(service);
    known.mounts?.push(...(file.mounts ?? []));
    if (file.asFolder) known.asFolder = true;
    if (file.writable && !known.writable) {
      const { where, writable, mustExist } = file;
      Object.assign(known, { where, writable, mustExist });
    }
  }

  all(): ReferencedFile[] {
    return [...this.#files.values()];
  }
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
  if (node?.external) {
    // compose itself would fail on it, on the host (compose, `create.go`: "unsupported external secret").
    problems.push(
      problem(
        where,
        "is external, which docker compose knows only with Swarm",
        "give it a `file` or an `environment`",
      ),
    );
    return undefined;
  }
  if (node?.file) {
    return { key: where, source: node.file, where, name: path.basename(node.file) };
  }
  if (node?.content !== undefined) return text(node.content);
  // docker compose config leaves a `content` out that is empty.
  if (kind === "configs" && node && !node.environment && !node.external) return text("");
  if (node?.environment) {
    const value = own(environment, node.environment);
    if (value === undefined) {
      problems.push(
        problem(
          where,
          `the variable ${node.environment} is not set`,
          "set it where `pulumi up` runs, or in the env file",
        ),
      );
    } else if (hasLostBytes(value)) {
      problems.push(
        problem(
          where,
          `the variable ${node.environment} is not UTF-8`,
          "give it a value in UTF-8, or in base64",
        ),
      );
    } else return text(value);
  }
  return undefined;
}

/** Ports that more than one container would publish. */
function portClashes(services: readonly ComposeService[]): string[] {
  const taken: (ComposeService["published"][number] & { by: string })[] = [];
  return services.flatMap(({ name, replicas, published }) => {
    const where = `services.${name}.ports`;
    const problems = published.flatMap(({ port, protocol, hostIp }) => {
      const other = taken.find(
        (one) => one.port === port && one.protocol === protocol && overlap(one.hostIp, hostIp),
      );
      if (other)
        return [problem(where, `port ${port} is published by ${other.by} as well`, "publish another port")];
      if (replicas < 2) return [];
      return [
        problem(
          where,
          `${replicas} containers cannot publish the same port ${port}`,
          "publish it from a proxy in front of them, or run one container",
        ),
      ];
    });
    taken.push(...published.map((one) => ({ ...one, by: name })));
    return problems;
  });
}

/** Whether two sockets of the same port, bound to these addresses of a host, would be in each other's way. */
function overlap(a = "", b = ""): boolean {
  const all = { "": /^/, "0.0.0.0": /^[\d.]*$/, "::": /^$|:/ };
  const covers = (one: string, other: string) => own(all, one)?.test(other) ?? false;
  return a === b || covers(a, b) || covers(b, a);
}

function readPorts(node: ServiceNode): ComposeService["published"] {
  return (node.ports ?? []).flatMap(({ published, protocol, host_ip }) => {
    const port = Number(published);
    if (!Number.isInteger(port) || port <= 0) return [];
    return [{ port, protocol: protocol ?? "tcp", ...(host_ip ? { hostIp: host_ip } : {}) }];
  });
}
