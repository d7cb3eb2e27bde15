import path from "node:path";
import type { HostPath } from "../host/types";
import { problem } from "../problems";
import type { Place } from "./options";
import type { ComposeProject, ReferencedFile } from "./project";
import { isInside } from "./this-machine";

/** What this machine knows about a bind mount's source. */
export interface SourceFacts {
  /** Its type, with links followed; absent if it does not exist. */
  kind?: "file" | "folder" | "other";
  /** Whether it is an empty folder, or one that this user may not read because a container took it over. */
  empty?: boolean;
  /** Whether git tracks it, or anything in it except placeholders such as `.gitkeep`; absent outside a working tree. */
  tracked?: boolean;
  /** Whether git ignores it; absent outside a working tree. */
  ignored?: boolean;
}

export interface Placement {
  /** The files to ship. */
  files: ReferencedFile[];
  /** By the source of the bind mount. */
  hostPaths: Map<string, HostPath>;
}

/**
 * Decides for every relative bind mount whether its source is shipped or is a path on the host. Files of the project are
 * shipped; data that only containers write stays on the host. `x-everfresh.mounts` overrides this.
 *
 * @param facts - by the absolute path of the source.
 * @param problems - receives every mount for which neither is right.
 */
export function placeMounts(
  project: Pick<ComposeProject, "files" | "folder" | "services">,
  facts: ReadonlyMap<string, SourceFacts>,
  problems: string[],
): Placement {
  const chosen = choices(project, problems);
  const hostPaths = new Map<string, HostPath>();
  const shipped = new Set<ReferencedFile>();
  // A folder comes before its contents.
  const mounts = project.files.filter(isMount).sort((a, b) => a.source.length - b.source.length);
  for (const mount of mounts) {
    const name = nameOf(project.folder, mount.source);
    const known = facts.get(mount.source) ?? {};
    const inHostFolder = [...hostPaths.keys()].some((folder) => isInside(folder, mount.source));
    const verdict = chosen.has(mount.source)
      ? { place: chosen.get(mount.source)! }
      : inHostFolder && !known.tracked
        ? { place: "host" as const }
        : placeOf(mount, name, known, project);
    if ("problem" in verdict) problems.push(problem(mount.where, ...verdict.problem));
    else if (verdict.place === "ship") shipped.add(mount);
    else if (/[\p{Cc}|]/u.test(mount.source)) {
      problems.push(problem(mount.where, "has a `|` or a control character in its path", "rename it"));
    } else hostPaths.set(mount.source, hostPathOf(mount, name, known));
  }
  const files = project.files.filter((file) => !isMount(file) || shipped.has(file));
  return { files: files.map((file) => withoutHostPaths(file, hostPaths)), hostPaths };
}

/** A folder is shipped without the host's own paths in it. */
function withoutHostPaths(file: ReferencedFile, hostPaths: ReadonlyMap<string, HostPath>): ReferencedFile {
  if (!isMount(file)) return file;
  const within = [...hostPaths].filter(([source]) => isInside(file.source, source));
  if (within.length === 0) return file;
  return { ...file, hostPaths: new Map(within.map(([source, { kind }]) => [source, kind])) };
}

type Mount = ReferencedFile & Required<Pick<ReferencedFile, "source" | "mounts">>;

const isMount = (file: ReferencedFile): file is Mount => file.mounts !== undefined;

/** The choices in `x-everfresh.mounts`, by absolute path. */
function choices({ files, folder, services }: Parameters<typeof placeMounts>[0], problems: string[]) {
  const chosen = new Map<string, Place>();
  for (const { name, mounts } of services) {
    for (const [written, place] of Object.entries(mounts)) {
      const source = path.resolve(folder, written);
      const where = `services.${name}.x-everfresh.mounts.${written}`;
      const isMounted = files.some(
        (file) => file.source === source && file.mounts?.some(({ service }) => service === name),
      );
      if (!isMounted) {
        problems.push(
          problem(
            where,
            "is not the source of a relative bind mount of this service",
            "name one as `volumes:` writes it",
          ),
        );
      } else if ((chosen.get(source) ?? place) !== place) {
        problems.push(
          problem(where, `another service says \`${chosen.get(source)}\``, "use the same value in both"),
        );
      } else chosen.set(source, place);
    }
  }
  return chosen;
}

type Verdict = { place: Place } | { problem: readonly [what: string, todo: string] };

function placeOf(
  mount: Mount,
  name: string,
  { kind, empty, tracked, ignored }: SourceFacts,
  project: Pick<ComposeProject, "folder" | "services">,
): Verdict {
  const { writable } = mount;
  const choose = (place: Place) => `\`x-everfresh: {mounts: {${name}: ${place}}}\``;
  if (kind === undefined) {
    if (tracked)
      return { problem: [`${name} is tracked by git but is not here`, "restore it, or correct the path"] };
    const isFile = looksLikeFile(mount);
    if (writable && (!isFile || holdsData(name))) return { place: "host" };
    if (ignored) return { place: "host" };
    return {
      problem: [
        `${name} does not exist${isFile ? ", and docker would make an empty folder of that name" : ""}`,
        `create it to have it shipped, correct the path, or set ${choose("host")} if it is made on the host`,
      ],
    };
  }
  if (!writable || kind === "other") return { place: "ship" };
  const hiding = kind === "folder" ? sourceMount(mount, project) : undefined;
  if (hiding) {
    return {
      problem: [
        `a development layout: ${name} is mounted over what the image has in ${hiding.target}, so what is built would not be what runs`,
        `keep this mount in a compose file that only developers use, such as compose.override.yaml, or set ${choose("ship")} if containers should have it`,
      ],
    };
  }
  if (tracked !== undefined) return { place: tracked ? "ship" : "host" };
  if (kind === "file") return { place: holdsData(name) ? "host" : "ship" };
  if (empty) return { place: "host" };
  return {
    problem: [
      `containers may write to ${name}, and without git everfresh cannot tell whether it holds configuration or their data`,
      `mount it read-only (\`:ro\`), or set ${choose("ship")} (sent with each release) or ${choose("host")} (stays on the host, never sent)`,
    ],
  };
}

/**
 * The mount that hides the built program: of the whole project, or of the sources that the service is built from. Programs
 * do not run from `/etc`: a mount there is configuration that happens to be beside a Dockerfile.
 */
function sourceMount(
  { source, mounts }: Mount,
  { folder, services }: Pick<ComposeProject, "folder" | "services">,
): Mount["mounts"][number] | undefined {
  if (isInside(source, folder)) return mounts[0];
  return mounts.find(({ service, target }) => {
    const context = services.find(({ name }) => name === service)?.build?.context;
    return context !== undefined && isInside(source, context) && !/^\/(usr\/local\/)?etc\//.test(target);
  });
}

function hostPathOf(mount: Mount, name: string, { kind }: SourceFacts): HostPath {
  const isFile = kind === undefined ? looksLikeFile(mount) : kind !== "folder";
  const made = mount.writable === true && (isFile ? holdsData(name) : mount.mustExist !== true);
  return {
    path: placeOnHost(name),
    kind: isFile ? "file" : "folder",
    made,
    users: mount.mounts,
  };
}

/** The preview's note on the hosts' own files and folders; undefined if there are none. */
export function hostPathsNote(
  hostPaths: readonly HostPath[],
  project: string,
  remoteDir = "~/.everfresh",
): string | undefined {
  if (hostPaths.length === 0) return undefined;
  const named = hostPaths.map(({ path, users }) => {
    const services = new Set(users.map(({ service }) => service));
    return `${path.slice("mounts/".length)} (${[...services].join(", ")})`;
  });
  return `kept on the host, never sent: ${named.join(", ")}, in ${remoteDir}/${project}/mounts`;
}

/** A path of this machine as a compose file writes it: relative to the project's folder. */
const nameOf = (folder: string, source: string): string => {
  const relative = path.relative(folder, source);
  return relative === "" || relative.startsWith("..") ? relative || "." : `./${relative}`;
};

/** The path relative to the project's folder on the host. What is beside the project here is below it there. */
function placeOnHost(name: string): string {
  const parts = name.split("/").map((part) => ({ ".": "", "..": "_parent" })[part] ?? part);
  return ["mounts", ...(name === "." ? ["_project"] : parts.filter(Boolean))].join("/");
}

/** Whether a container creates and fills the file by itself, starting from an empty one. */
const holdsData = (name: string): boolean =>
  /(^|\/)acme[^/]*\.json$|\.(sqlite3?|db3?|rdb|mdb|log)$/i.test(name);

/** Extensions of commonly mounted files: docker would create a folder in place of a missing one, whatever its name. */
const fileEnding =
  /\.(json5?|ya?ml|toml|ini|conf|config|cfg|cnf|env|properties|xml|csv|txt|md|html?|css|[cm]?[jt]sx?|php|py|rb|lua|sh|sql|pem|crt|cer|key|pub|p12|pfx|jks|keystore|pid|sock|list|rules|vcl|htpasswd|pgpass|template|tmpl|tpl|j2|jar|war|zip|t?gz)$/i;
const fileName =
  /^(\.env.*|\.?htpasswd|\.?pgpass|\.netrc|\.npmrc|\.gitconfig|Caddyfile|Corefile|Dockerfile|Procfile|crontab|passwd|hosts|id_[a-z0-9]+)$/i;

function looksLikeFile({ source, asFolder }: Mount): boolean {
  if (asFolder) return false;
  const name = path.basename(source);
  return fileEnding.test(name) || fileName.test(name) || holdsData(name);
}
