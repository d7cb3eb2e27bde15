import { bytesIn, largeTreeLines } from "./large-trees";
import {
  hostPathLines,
  networkLines,
  ownedLines,
  payload,
  portLines,
  requestFacts,
  storePieces,
  volumeLines,
} from "./payload";
import { type HostProgram, hostProgram, programText } from "./program-text";
import type { DeployRequest, RegistryLogin, Release, ReleaseFile } from "./types";
import { requestProblems } from "./validate";

/** A project on a host; `remoteDir` as in the configuration. */
export interface HostProject {
  project: string;
  remoteDir?: string;
}

/** A program whose stdin carries more than its text. */
export interface StreamedProgram {
  command: string;
  stdin: Iterable<Uint8Array>;
}

const projectValues = ({ project, remoteDir }: HostProject) => ({ project, remote_dir: remoteDir ?? "" });

/**
 * The deployment of a release. Its stdin holds the registry's password: treat it as a secret.
 *
 * @throws RangeError with all problems, one per line, if the request cannot be sent to a host.
 */
export function deployProgram(request: DeployRequest): HostProgram {
  const problems = requestProblems(request);
  if (problems.length > 0) throw new RangeError(problems.join("\n"));
  const { release } = request;
  const values = {
    ...projectValues({ project: release.project, remoteDir: request.remoteDir }),
    ...deployerValues(request),
    ...registryValues(request.registry),
    keep_releases: request.keepReleases,
    lock_wait: request.lockWait,
    health_timeout: request.healthTimeout,
    settle: request.settle,
  };
  return "kept" in release
    ? hostProgram("deploy", { ...values, ...nothingSent, release: release.kept, kept: 1 })
    : hostProgram("deploy", { ...values, ...releaseValues(release) }, payload(release, request));
}

const deployerValues = ({ token, lineage, takeOver, host, who, from, stack }: DeployRequest) => ({
  token,
  lineage,
  take_over: takeOver ?? "",
  host,
  who,
  from,
  stack,
  request_facts: requestFacts({ who, from, stack, lineage }),
});

/** A kept release is already on the host, complete. */
const nothingSent = { networks: "", volumes: "", ports: "", host_paths: "", owned: "", apart: "" };

const releaseValues = (release: Release) => ({
  release: release.id,
  networks: networkLines(release).join("\n"),
  volumes: volumeLines(release).join("\n"),
  ports: portLines(release).join("\n"),
  host_paths: hostPathLines(release).join("\n"),
  owned: ownedLines(release).join("\n"),
  apart: largeTreeLines(release).join("\n"),
});

function registryValues(registry: RegistryLogin | undefined) {
  if (!registry) return { registry_address: "", registry_config: "", registry_login: "" };
  const { address, username = "", password } = registry;
  return {
    registry_address: password === undefined ? "" : address,
    registry_config: JSON.stringify({ credHelpers: { [credentialKey(address)]: "everfresh" } }),
    registry_login: JSON.stringify({ ServerURL: address, Username: username, Secret: password ?? "" }),
  };
}

/** Docker Hub's credentials have a special key (docker/cli, cli/config/credentials). */
const credentialKey = (address: string) =>
  /^(index\.)?docker\.io$/.test(address) ? "https://index.docker.io/v1/" : address;

/** Reports the result of the last proved deployment again; touches nothing. */
export const reportProgram = (project: HostProject): HostProgram =>
  hostProgram("report", projectValues(project));

/** Facts about the host for `parseProbe`; takes no lock, waits for nothing, touches nothing. */
export const probeProgram = (project: HostProject): HostProgram =>
  hostProgram("probe", projectValues(project));

/** The host's ledger, one JSON line per deployment, oldest first. */
export const historyProgram = (project: HostProject): HostProgram =>
  hostProgram("history", projectValues(project));

/** The fingerprints of the release's large trees that the host lacks, one per line; touches nothing. */
export const missingTreesProgram = (project: HostProject, release: Release): HostProgram =>
  hostProgram("lacks", { ...projectValues(project), apart: largeTreeLines(release).join("\n") });

/**
 * Puts large trees into the host's store, reading them from the disk while sending. The program is the first line of
 * stdin; `read` takes it from a pipe without consuming a byte of the tar that follows.
 */
export function receiveProgram(
  { release, remoteDir, who, from, lockWait }: DeployRequest & { release: Release },
  files: readonly ReleaseFile[],
): StreamedProgram {
  const text = programText({
    ...projectValues({ project: release.project, remoteDir }),
    release: release.id,
    who,
    from,
    lock_wait: lockWait,
    receive_bytes: bytesIn(files),
  });
  return {
    command: streamedCommand("receive"),
    stdin: (function* () {
      yield Buffer.from(inOneLine(text));
      yield* storePieces(files);
    })(),
  };
}

/** The command line of a verb whose program is the first line of stdin, see {@link inOneLine}. */
const streamedCommand = (verb: "receive" | "lend" | "follow") =>
  `sh -c 'read -r program && eval "$(printf %s "$program" | base64 -d)"' everfresh ${verb}`;

const inOneLine = (text: string) => `${Buffer.from(text).toString("base64")}\n`;

/**
 * Lends the host a registry for the deployments of one stack: until stdin ends, they pull from it with this login. It prints
 * `lent` once it is there. Its stdin holds the password: treat it as a secret.
 */
export function lendProgram(
  { lineage, ...project }: HostProject & { lineage: string },
  registry: RegistryLogin,
): HostProgram {
  const values = { ...projectValues(project), lineage, ...registryValues(registry) };
  return { command: streamedCommand("lend"), stdin: inOneLine(programText(values)) };
}

/** The last `tail` log lines of one service's containers, or of all. */
export const logsProgram = (project: HostProject, logs: Logs): HostProgram =>
  hostProgram("logs", logsValues(project, logs));

/** The same, and what is written from then on, until stdin ends. */
export const followProgram = (project: HostProject, logs: Logs): HostProgram => ({
  command: streamedCommand("follow"),
  stdin: inOneLine(programText(logsValues(project, logs))),
});

export interface Logs {
  service?: string;
  tail: number;
}

const logsValues = (project: HostProject, { service = "", tail }: Logs) => ({
  ...projectValues(project),
  logs_service: service,
  logs_tail: tail,
});

/** What is looked for in running containers: a text, in a file or below a folder. */
export interface Search {
  /** Absent: the containers of every service. */
  service?: string;
  contains: string;
  /** Absolute, in the container. */
  in: string;
}

/** How much of one container's files is searched, in MiB. */
export const searchLimitMib = 256;

/**
 * Facts about the host, and which files in its running containers contain a text, for `parseSearch`; touches nothing.
 *
 * @throws RangeError for a text that {@link standInFor} does not accept.
 */
export function searchProgram(
  project: HostProject,
  { service = "", contains, in: place }: Search,
): HostProgram {
  const standIn = contains.includes("\n") ? standInFor(contains) : "";
  if (standIn === undefined) throw new RangeError("the text has every control character");
  return hostProgram("search", {
    ...projectValues(project),
    search_service: service,
    search_text: contains.replaceAll("\n", standIn),
    search_swap: standIn === "" ? "" : standIn.charCodeAt(0).toString(8).padStart(3, "0"),
    search_path: place,
    search_limit: searchLimitMib * 1024,
  });
}

/** A control character that a text does not have, which can stand for its line breaks; undefined if it has them all. */
export const standInFor = (text: string): string | undefined =>
  Array.from({ length: 31 }, (_, i) => String.fromCharCode(i + 1)).find(
    (control) => control !== "\n" && !text.includes(control),
  );

/** Runs the checks of the current release again; touches nothing but what the checks do. See `parseChecks`. */
export const verifyProgram = (project: HostProject, service = ""): HostProgram =>
  hostProgram("verify", { ...projectValues(project), verify_service: service });

/** Facts about the host, and how one service's containers differ from their images, for `parseInside`; touches nothing. */
export const insideProgram = (project: HostProject, service: string): HostProgram =>
  hostProgram("inside", { ...projectValues(project), inside_service: service });

/** Stops the process that holds the lock: asks it to stop, and kills it after `wait` seconds. */
export const unlockProgram = (project: HostProject, wait: number): HostProgram =>
  hostProgram("unlock", { ...projectValues(project), lock_wait: wait });

/** Checks the host, and says how to fix each problem. */
export const doctorProgram = (project: HostProject): HostProgram =>
  hostProgram("doctor", projectValues(project));

/** Removes the project from the host: containers, networks, its folder, its images; volumes only if told to. */
export function teardownProgram(
  request: HostProject &
    Pick<DeployRequest, "lineage" | "host" | "who" | "from" | "lockWait"> & { volumes: boolean },
): HostProgram {
  return hostProgram("teardown", {
    ...projectValues(request),
    lineage: request.lineage,
    host: request.host,
    who: request.who,
    from: request.from,
    lock_wait: request.lockWait,
    with_volumes: request.volumes ? 1 : "",
  });
}
