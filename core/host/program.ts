import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { quote } from "../quote";
import { apartLines, bytesIn, isApart } from "./apart";
import {
  claimsOf,
  courseOf,
  needsOf,
  networkLines,
  portLines,
  type Rendered,
  readRendered,
  volumeLines,
} from "./rendered";
import { type TarEntry, tar, tarPieces } from "./tar";
import type { Check, DeployRequest, Release, ReleaseFile, ReleaseManifest, ReleaseService } from "./types";
import { problemsOf } from "./validate";

/** What to run on a host: a short command line, free of secrets, and the program's text for its stdin. */
export interface HostProgram {
  command: string;
  stdin: string;
}

/** One with more on its stdin than its text. */
export interface StreamedProgram {
  command: string;
  stdin: Iterable<Uint8Array>;
}

/** Which project on a host; `remoteDir` as in the configuration. */
export interface HostProject {
  project: string;
  remoteDir?: string;
}

/** What the host's program can do. */
export type Verb =
  | "deploy"
  | "report"
  | "probe"
  | "teardown"
  | "history"
  | "logs"
  | "unlock"
  | "doctor"
  | "lacks";

/** The command line of a verb: short, free of secrets, the same for every request (`report` takes `deploy`'s stdin too). */
export const hostCommand = (verb: Verb): string => `sh -c 'eval "$(cat)"' everfresh ${verb}`;

const FOLDER = join(__dirname, "..", "..", "remote");
let parts: { functions: string; main: string } | undefined;

/**
 * The host's program: all of `remote/*.sh`, `main.sh` last. It is read by `cat` before the shell looks at it: whatever
 * the shell is, it neither runs a program that was cut off nor reads it byte by byte (as bash does from a pipe).
 */
function programText(values: Record<string, string | number>, payload = ""): string {
  parts ??= {
    functions: readdirSync(FOLDER)
      .filter((name) => name.endsWith(".sh") && name !== "main.sh")
      .sort()
      .map((name) => readFileSync(join(FOLDER, name), "utf8"))
      .join("\n"),
    main: readFileSync(join(FOLDER, "main.sh"), "utf8"),
  };
  const assignments = Object.entries(values).map(([name, value]) => `${name}=${quote(String(value))}`);
  const request = `request() {\n${assignments.join("\n")}\n}\n`;
  const sent = `payload() {\ncat <<'EVERFRESH_PAYLOAD'\n${payload}\nEVERFRESH_PAYLOAD\n}\n`;
  // In braces: of a text that is cut off, the shell runs nothing at all.
  return `{\n${parts.functions}${request}${sent}${parts.main}}\n`;
}

const program = (verb: Verb, values: Record<string, string | number>, payload?: string): HostProgram => ({
  command: hostCommand(verb),
  stdin: programText(values, payload),
});

function projectValues({ project, remoteDir }: HostProject) {
  return { project, remote_dir: remoteDir ?? "" };
}

/**
 * The deployment of a release. Its stdin holds the registry's password: treat it as a secret.
 *
 * @throws RangeError with all problems, one a line, when the request cannot be carried to a host.
 */
export function deployStdin(request: DeployRequest): HostProgram {
  const problems = problemsOf(request);
  if (problems.length > 0) throw new RangeError(problems.join("\n"));
  const { release, registry } = request;
  const kept = "kept" in release;
  const rendered = kept ? {} : readRendered(release.compose);
  return program(
    "deploy",
    {
      ...projectValues({ project: release.project, remoteDir: request.remoteDir }),
      release: kept ? release.kept : release.id,
      kept: kept ? 1 : "",
      token: request.token,
      lineage: request.lineage,
      take_over: request.takeOver ?? "",
      host: request.host,
      who: request.who,
      from: request.from,
      stack: request.stack,
      registry_address: registry?.password === undefined ? "" : registry.address,
      registry_config: registry
        ? JSON.stringify({ credHelpers: { [credentialKey(registry.address)]: "everfresh" } })
        : "",
      registry_login: registry
        ? JSON.stringify({
            ServerURL: registry.address,
            Username: registry.username ?? "",
            Secret: registry.password ?? "",
          })
        : "",
      keep_releases: request.keepReleases,
      lock_wait: request.lockWait,
      health_timeout: request.healthTimeout,
      settle: request.settle,
      networks: networkLines(rendered).join("\n"),
      volumes: volumeLines(rendered).join("\n"),
      ports: portLines(rendered).join("\n"),
      host_paths: kept ? "" : hostPathLines(release).join("\n"),
      owned: kept ? "" : ownedLines(release).join("\n"),
      apart: kept ? "" : apartLines(release).join("\n"),
      request_facts: members({
        who: request.who,
        from: request.from,
        stack: request.stack,
        lineage: request.lineage,
      }),
    },
    kept ? "" : wrap(tar(payload(release, request, rendered)).toString("base64")),
  );
}

/** The result of the deployment that the host proved last, again; touches nothing. */
export const reportStdin = (project: HostProject): HostProgram => program("report", projectValues(project));

/** Facts about the host for `parseProbe`; takes no lock, waits for nothing, touches nothing. */
export const probeStdin = (project: HostProject): HostProgram => program("probe", projectValues(project));

/** The host's ledger, one JSON line per deployment, oldest first. */
export const historyStdin = (project: HostProject): HostProgram => program("history", projectValues(project));

/** The fingerprints of the release's large trees that the host does not have as they are to be, one a line; touches nothing. */
export const lacksStdin = (project: HostProject, release: Release): HostProgram =>
  program("lacks", { ...projectValues(project), apart: apartLines(release).join("\n") });

/**
 * Puts large trees into the host's store, read from the disk while they are sent. The program is the first line of stdin,
 * which `read` takes from a pipe without a byte of what follows, the tar.
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
    command: `sh -c 'read -r program && eval "$(printf %s "$program" | base64 -d)"' everfresh receive`,
    stdin: (function* () {
      yield Buffer.from(`${Buffer.from(text).toString("base64")}\n`);
      yield* tarPieces([{ type: "directory", path: "store" }, ...files.flatMap(stored), end]);
    })(),
  };
}

/** The last `tail` log lines of one service's containers, or of all. */
export function logsStdin(project: HostProject, options: { service?: string; tail: number }): HostProgram {
  return program("logs", {
    ...projectValues(project),
    logs_service: options.service ?? "",
    logs_tail: options.tail,
  });
}

/** Ends whoever holds the lock: politely, and after `wait` seconds for good. */
export function unlockStdin(project: HostProject, wait: number): HostProgram {
  return program("unlock", { ...projectValues(project), lock_wait: wait });
}

/** Checks the host's side and says how to mend each finding. */
export const doctorStdin = (project: HostProject): HostProgram => program("doctor", projectValues(project));

/** Removes the project from the host: containers, networks, its folder, its images; volumes only if told to. */
export function teardownStdin(
  request: HostProject &
    Pick<DeployRequest, "lineage" | "host" | "who" | "from" | "lockWait"> & { volumes: boolean },
): HostProgram {
  return program("teardown", {
    ...projectValues(request),
    lineage: request.lineage,
    host: request.host,
    who: request.who,
    from: request.from,
    lock_wait: request.lockWait,
    with_volumes: request.volumes ? 1 : "",
  });
}

/** `manifest.json` of a release as the host keeps it. */
export function manifestOf(
  release: Release,
  request: Pick<DeployRequest, "who" | "from" | "stack">,
): ReleaseManifest {
  return {
    id: release.id,
    project: release.project,
    tag: release.tag,
    commit: release.commit,
    dirty: release.dirty,
    who: request.who,
    from: request.from,
    stack: request.stack,
    services: release.services.map(({ verify, ...service }) => service),
    files: release.files.map(({ path, fingerprint }) => ({ path, fingerprint })),
  };
}

/** What is unpacked on the host; `end` comes last, so that its presence tells that all of it is there. */
function payload(release: Release, request: DeployRequest, rendered: Rendered): TarEntry[] {
  const text = (path: string, content: string): TarEntry => ({
    type: "file",
    path: `release/${path}`,
    executable: false,
    bytes: Buffer.from(content),
  });
  const content = Object.fromEntries(
    release.services.flatMap(({ name, content, digest }) => (content ? [[name, { content, digest }]] : [])),
  );
  return [
    { type: "directory", path: "release" },
    text("compose.yaml", release.compose),
    text("manifest.json", `${JSON.stringify(manifestOf(release, request))}\n`),
    text("services", release.services.map((service) => serviceLine(service, rendered)).join("")),
    text(
      "checks",
      release.services.flatMap(({ name, verify }) => verify.map((check) => checkLine(name, check))).join(""),
    ),
    text(
      "facts",
      members({ tag: release.tag, commit: release.commit, dirty: release.dirty, services: content }),
    ),
    { type: "directory", path: "release/files" },
    ...release.files.map(
      ({ fingerprint }): TarEntry => ({
        type: "symlink",
        path: `release/files/${fingerprint}`,
        target: `../../../store/${fingerprint}`,
      }),
    ),
    { type: "directory", path: "store" },
    ...release.files.filter((file) => !isApart(file)).flatMap(stored),
    end,
  ];
}

/** A tree in its place in the store. */
const stored = ({ fingerprint, entries }: ReleaseFile): TarEntry[] => [
  { type: "directory", path: `store/${fingerprint}` },
  ...entries.map((entry) => ({ ...entry, path: `store/${fingerprint}/${entry.path}` })),
];

const end: TarEntry = { type: "file", path: "end", executable: false, bytes: new Uint8Array() };

/** See `services` in remote/engine.sh. */
function serviceLine(service: ReleaseService, rendered: Rendered): string {
  const { name, image, digest = "", replicas, layers = "", files, restarts = [] } = service;
  const lists = [
    files,
    restarts,
    [courseOf(service, rendered)],
    needsOf(service, rendered),
    claimsOf(service, rendered),
  ];
  return `${[name, image, digest, replicas, layers, ...lists.map((list) => list.join(" "))].join("|")}\n`;
}

/** See `check_host_paths` in remote/host-paths.sh. */
const hostPathLines = ({ hostPaths = [] }: Release) =>
  hostPaths.flatMap(({ path, kind, made, users }) =>
    users.map(({ service, target }) => [kind, made ? "made" : "", service, path, target].join("|")),
  );

/** See `own_files` in remote/as-root.sh. */
const ownedLines = ({ files }: Release) =>
  files.flatMap(({ fingerprint, entries }) =>
    entries.flatMap((entry) => {
      if (entry.type !== "file" || entry.access === undefined) return [];
      const { uid, gid, mode } = entry.access;
      return [[fingerprint, uid, gid, mode.toString(8), entry.path].join("|")];
    }),
  );

/** A call of the function in remote/checks.sh. */
function checkLine(service: string, check: Check): string {
  switch (check.kind) {
    case "http":
      return line("http", service, String(check.port), check.path, String(check.status), check.body ?? "");
    case "command":
      return line("command_in", service, ...check.command);
    case "file":
      return line("file_in", service, check.path, check.contains);
  }
}

const line = (...words: string[]) => `${words.map(quote).join(" ")}\n`;

/** The members of a JSON object without its braces. */
const members = (object: Record<string, unknown>) => JSON.stringify(object).slice(1, -1);

/** base64 in lines, as `base64 -d` of every userland reads it. */
const wrap = (text: string) => text.replace(/.{1,1000}/g, "$&\n").trimEnd();

/** Docker Hub's credentials have a name of their own (docker/cli, cli/config/credentials). */
const credentialKey = (address: string) =>
  /^(index\.)?docker\.io$/.test(address) ? "https://index.docker.io/v1/" : address;
