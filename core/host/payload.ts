import { quote } from "../quote";
import { isLarge } from "./large-trees";
import { type TarEntry, tar, tarPieces } from "./tar";
import type {
  Check,
  Claim,
  DeployRequest,
  Release,
  ReleaseCommand,
  ReleaseFile,
  ReleaseManifest,
  ReleaseService,
} from "./types";
import { queryEscaped } from "./url-query";

/**
 * How a release is sent to a host: the tree that the host unpacks, and the lines that its program reads.
 * remote/*.sh names the columns of each kind of line.
 */

/** The tree as base64, in lines that every `base64 -d` can read. */
export const payload = (release: Release, request: Deployer): string =>
  tar(releaseTree(release, request))
    .toString("base64")
    .replace(/.{1,1000}/g, "$&\n")
    .trimEnd();

/** A tar of trees for the host's store. */
export const storePieces = (files: readonly ReleaseFile[]): Iterable<Uint8Array> =>
  tarPieces([{ type: "directory", path: "store" }, ...files.flatMap(stored), end]);

/** Who deploys, for the manifest. */
type Deployer = Pick<DeployRequest, "who" | "from" | "stack">;

/** The members of the ledger's line that come from the request. */
export const requestFacts = (facts: Deployer & Pick<DeployRequest, "lineage">): string =>
  members({ ...facts });

/** `manifest.json` of a release, as the host keeps it. */
export function manifestOf(release: Release, { who, from, stack }: Deployer): ReleaseManifest {
  return {
    id: release.id,
    project: release.project,
    tag: release.tag,
    commit: release.commit,
    dirty: release.dirty,
    who,
    from,
    stack,
    services: release.services.map(
      ({ verify, lifetime, needs, claims, rollout, before, after, reload, ...service }) => service,
    ),
    files: release.files.map(({ path, fingerprint }) => ({ path, fingerprint })),
  };
}

/** What the host unpacks. `end` comes last: its presence shows that the tree is complete. */
function releaseTree(release: Release, deployer: Deployer): TarEntry[] {
  const content = Object.fromEntries(
    release.services.flatMap(({ name, content, digest }) => (content ? [[name, { content, digest }]] : [])),
  );
  return [
    { type: "directory", path: "release" },
    text("compose.yaml", release.compose),
    ...(release.composeToCheck === undefined ? [] : [text("check.yaml", release.composeToCheck)]),
    text("manifest.json", `${JSON.stringify(manifestOf(release, deployer))}\n`),
    text("services", release.services.map(serviceLine).join("")),
    text("checks", [...release.services.map(callLines), ...release.files.map(liveLine)].join("")),
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
    ...release.files.filter((file) => !isLarge(file)).flatMap(stored),
    end,
  ];
}

/** The entries of a tree in the store. */
const stored = ({ fingerprint, entries }: ReleaseFile): TarEntry[] => [
  { type: "directory", path: `store/${fingerprint}` },
  ...entries.map((entry) => ({ ...entry, path: `store/${fingerprint}/${entry.path}` })),
];

const end: TarEntry = { type: "file", path: "end", executable: false, bytes: new Uint8Array() };

const text = (path: string, content: string): TarEntry => ({
  type: "file",
  path: `release/${path}`,
  executable: false,
  bytes: Buffer.from(content),
});

/** See `services` in remote/engine.sh. */
function serviceLine(service: ReleaseService): string {
  const { name, image, digest = "", replicas, layers = "", files, restarts = [], lifetime } = service;
  const needs = service.needs.map(({ service, until }) => `${service}=${until}`);
  const claims = service.claims.map(claimWord).filter((word) => /^[\w./:%-]+$/.test(word));
  const lists = [
    files,
    restarts,
    [lifetime === "either" ? "" : lifetime],
    needs,
    claims,
    ...rolloutWords(service),
  ];
  return `${[name, image, digest, replicas, layers, ...lists.map((list) => list.join(" "))].join("|")}\n`;
}

/** A service without a rollout has no such column, so that its line is the one that hosts already have. */
const rolloutWords = ({ rollout }: ReleaseService): string[][] =>
  rollout ? [["start-first", ...(rollout.observe ? [] : ["unobserved"])]] : [];

function claimWord(claim: Claim): string {
  switch (claim.kind) {
    case "name":
      return `name/${claim.name}`;
    case "port":
      return `port/${claim.protocol}/${claim.port}/${claim.address}`;
    case "address":
      return `ip/${claim.address}`;
  }
}

/** See `check_ports` in remote/preflight.sh. */
export const portLines = ({ ports }: Pick<Release, "ports">): string[] => [
  ...new Set(ports.map(({ protocol, first, last, address }) => [protocol, first, last, address].join("|"))),
];

/** See `check_kept` in remote/preflight.sh. */
export const networkLines = ({ networks }: Pick<Release, "networks">): string[] =>
  networks.map(({ name, external, definition = "" }) => `${name}|${external ? "external" : definition}`);

/** See `check_kept` in remote/preflight.sh. Volumes whose name does not fit into a line are not checked. */
export const volumeLines = ({ volumes }: Pick<Release, "volumes">): string[] =>
  volumes.flatMap(({ name, external, driver, options }) => {
    if (/[\p{Cc}|]/u.test(name)) return [];
    if (external) return [`${name}|external`];
    // Sorted as Go's templates print them.
    const sorted = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
    const words = sorted.map(([key, value]) => `${queryEscaped(key)}=${queryEscaped(`${value}`)} `);
    return [`${name}|${queryEscaped(driver)}|${words.join("")}`];
  });

/** See `check_host_paths` in remote/host-paths.sh. */
export const hostPathLines = ({ hostPaths = [] }: Release): string[] =>
  hostPaths.flatMap(({ path, kind, made, users }) =>
    users.map(({ service, target }) => [kind, made ? "made" : "", service, path, target].join("|")),
  );

/** See `own_files` in remote/as-root.sh. */
export const ownedLines = ({ files }: Release): string[] =>
  files.flatMap(({ fingerprint, entries }) =>
    entries.flatMap((entry) => {
      if (entry.type !== "file" || entry.access === undefined) return [];
      const { uid, gid, mode } = entry.access;
      return [[fingerprint, uid, gid, mode.toString(8), entry.path].join("|")];
    }),
  );

/** Calls of functions in remote/checks.sh. */
function callLines({ name, verify, rollout, before, after, reload }: ReleaseService): string {
  const { drain } = rollout ?? {};
  const commandLine = (when: string, { seconds, exec, command }: ReleaseCommand) =>
    line(when, name, String(seconds), exec ? "exec" : "run", ...command);
  return [
    ...verify.map((check) => checkLine(name, check)),
    ...(drain ? [line("drain", name, String(drain.seconds), ...drain.command)] : []),
    ...(before ? [commandLine("before", before)] : []),
    ...(after ? [commandLine("after", after)] : []),
    ...(reload
      ? [
          line("check_files", name, String(reload.seconds), ...reload.check),
          line("reload", name, String(reload.seconds), ...reload.command),
        ]
      : []),
  ].join("");
}

const liveLine = ({ fingerprint, live }: ReleaseFile): string =>
  live ? line("live", fingerprint, live.path, ...live.services) : "";

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
