import path from "node:path";
import { problem } from "../problems";
import { own } from "../records";
import {
  type ComposeDocument,
  type ComposeText,
  type FileNode,
  hasLostBytes,
  type ServiceNode,
  type VolumeNode,
} from "./document";
import { accessOf, accessProblems, fileKey } from "./file-access";
import type { ReferencedFile } from "./project";
import { profileKey, seccompProfile } from "./seccomp";
import { ownerOf } from "./this-machine";

/** A file that one service refers to. */
type FileOfService = Omit<ReferencedFile, "services">;

/** The documents to read files from: as compose resolved it, and with its paths as written. */
interface Documents {
  text: ComposeText;
  document: ComposeDocument;
  written: ComposeDocument;
}

/**
 * The files of this machine that a service refers to: its configs, secrets, seccomp profiles, and relative bind mounts.
 *
 * @param problems - receives every reference that is not supported.
 */
export function filesOf(
  service: string,
  node: ServiceNode,
  documents: Documents,
  problems: string[],
): FileOfService[] {
  return [
    ...usedFiles("configs", service, node, documents, problems),
    ...usedFiles("secrets", service, node, documents, problems),
    ...seccompProfiles(service, node, documents.text, problems),
    ...bindMountedFiles(service, node, documents, problems),
  ];
}

/** Files of all services by key. A file that several services use is shipped once. */
export class FileList {
  readonly #files = new Map<string, ReferencedFile>();

  add(file: FileOfService, service: string): void {
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

function usedFiles(
  kind: "configs" | "secrets",
  service: string,
  node: ServiceNode,
  { text, document }: Documents,
  problems: string[],
): FileOfService[] {
  return (node[kind] ?? []).flatMap((use) => {
    const definition = own(document[kind], use.source);
    const file = readFileNode(kind, use.source, definition, text, problems);
    if (file === undefined) return [];
    const access = accessOf(use, definition);
    if (access === undefined) return [file];
    const where = `services.${service}.${kind} (${use.source})`;
    problems.push(...accessProblems(where, access));
    return [{ ...file, key: fileKey(kind, use, definition), where, access }];
  });
}

function readFileNode(
  kind: "configs" | "secrets",
  source: string,
  node: FileNode | undefined,
  { environment }: ComposeText,
  problems: string[],
): FileOfService | undefined {
  const where = `${kind}.${source}`;
  const inline = (text: string) => ({ key: where, text, where, name: source });
  if (node?.external) {
    // Compose would fail on the host (compose, `create.go`: "unsupported external secret").
    problems.push(
      problem(
        where,
        "is external, which docker compose supports only with Swarm",
        "give it a `file` or an `environment`",
      ),
    );
    return undefined;
  }
  if (node?.file) return { key: where, source: node.file, where, name: path.basename(node.file) };
  if (node?.content !== undefined) return inline(node.content);
  // docker compose config omits an empty `content`.
  if (kind === "configs" && node && !node.environment) return inline("");
  if (!node?.environment) return undefined;
  const value = own(environment, node.environment);
  if (value !== undefined && !hasLostBytes(value)) return inline(value);
  const [what, todo] =
    value === undefined
      ? ["is not set", "set it where `pulumi up` runs, or in the env file"]
      : ["is not UTF-8", "give it a value in UTF-8, or in base64"];
  problems.push(problem(where, `the variable ${node.environment} ${what}`, todo!));
  return undefined;
}

function seccompProfiles(
  service: string,
  node: ServiceNode,
  { folder }: ComposeText,
  problems: string[],
): FileOfService[] {
  const where = `services.${service}.security_opt`;
  return (node.security_opt ?? []).flatMap((option) => {
    const profile = seccompProfile(option);
    if (profile === undefined) return [];
    if (profile.startsWith("~")) {
      problems.push(homeProblem(where, profile));
      return [];
    }
    const source = path.resolve(folder, profile);
    return [{ key: profileKey(profile), source, where, name: path.basename(source) }];
  });
}

function bindMountedFiles(
  service: string,
  node: ServiceNode,
  { text, written }: Documents,
  problems: string[],
): FileOfService[] {
  const writtenVolumes = own(written.services, service)?.volumes ?? [];
  return (node.volumes ?? []).flatMap((volume, i, volumes) => {
    if (volume.type !== "bind" || volume.source === undefined) return [];
    // By position, because the target may be written with a variable.
    const writtenVolume =
      writtenVolumes.length === volumes.length
        ? writtenVolumes[i]
        : writtenVolumes.find(({ target }) => target === volume.target);
    return bindMountedFile(
      service,
      { ...volume, source: volume.source },
      writtenVolume?.source,
      text,
      problems,
    );
  });
}

/** @param written - the source as written; undefined if unknown. */
function bindMountedFile(
  service: string,
  { source, target, read_only, bind }: VolumeNode & { source: string },
  written: string | undefined,
  text: ComposeText,
  problems: string[],
): FileOfService[] {
  const where = `services.${service}.volumes (${target})`;
  // Compose does not change Windows paths, and reads `v:/v` as a folder on drive V, too.
  if (/^([a-z]:[\\/]|\\\\)/i.test(source)) {
    problems.push(
      problem(
        where,
        `\`${source}\` is a Windows path`,
        "use a relative path, a path on the host, or a volume name of two letters or more",
      ),
    );
    return [];
  }
  const owner = ownerOf(written, source, text);
  if (owner === "home") problems.push(homeProblem(where, written!.replace(text.marks.home, "$HOME")));
  if (owner !== "project") return [];
  return [
    {
      key: source,
      source,
      where,
      name: path.basename(source),
      writable: read_only !== true,
      mounts: [{ service, target }],
      ...(written?.endsWith("/") && { asFolder: true }),
      ...(bind?.create_host_path === false && { mustExist: true }),
    },
  ];
}

const homeProblem = (where: string, written: string): string =>
  problem(
    where,
    `\`${written}\` means this machine's home folder`,
    "use a relative path (shipped) or an absolute one (on the host)",
  );
