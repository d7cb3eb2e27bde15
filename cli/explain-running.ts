import { type Change, type Mount, parseInside } from "../core/host/inside";
import { type ServiceStatus, statusOf } from "../core/host/status";
import { printable } from "../core/printable";
import type { HostAnswer } from "./hosts";
import { type ExitStatus, exit } from "./pulumi/outcome";
import { imageOf } from "./status";
import { count, moment, type Paint, table } from "./terminal";
import { byHost, mustBeKnown, type Told, unknownHost } from "./told";

/** How many changes of a container are shown to people. */
const shown = 20;

/** What `everfresh explain --running --json` prints. */
export interface RunningReport {
  service: string;
  /** What the working tree would build, why that is not known, or nothing for a service that is not built. */
  workingTree?: { content: string } | { problems: readonly string[] };
  hosts: Record<
    string,
    { release: string; containers: RunningContainer[] } | { problems: readonly string[] }
  >;
}

export interface RunningContainer
  extends Pick<ServiceStatus, "container" | "expected" | "running" | "startedAt" | "health"> {
  /** The content hash of the image that runs, if everfresh built it. */
  content?: string;
  /** Whether the working tree would build this image; absent if that is not known. */
  upToDate?: boolean;
  /** Why it would build another, in words. */
  cause?: string;
  /** What was changed in the container since it was created; volumes, mounts and the folders above a change left out. */
  changes: Change[];
  /** What the container sees instead of what its image has there. */
  mounts: (Mount & { hidesFiles?: true })[];
}

/**
 * @param causes - why the working tree would build another image, by the content hash of the one that runs.
 * @throws Problems if the service is in no host's release.
 */
export function runningReportOf(
  service: string,
  answers: readonly HostAnswer<Told>[],
  workingTree: RunningReport["workingTree"],
  causes: ReadonlyMap<string, string> = new Map(),
): RunningReport {
  mustBeKnown(service, answers);
  const wanted = workingTree && "content" in workingTree ? workingTree.content : undefined;
  const hosts = byHost(answers, (told) => ({ containers: containersOf(service, told, wanted, causes) }));
  return { service, ...(workingTree ? { workingTree } : {}), hosts };
}

function containersOf(
  service: string,
  { state, lines }: Told,
  wanted: string | undefined,
  causes: ReadonlyMap<string, string>,
): RunningContainer[] {
  const insides = parseInside(lines);
  const hidden = new Set(state.hidden.filter((each) => each.service === service).map(({ path }) => path));
  return statusOf(state)
    .services.filter((each) => each.service === service)
    .map(({ container, expected, running, startedAt, health }): RunningContainer => {
      const { content, changes = [], mounts = [] } = insides.get(container ?? "") ?? {};
      const upToDate = content === undefined || wanted === undefined ? undefined : content === wanted;
      const cause = upToDate === false ? causes.get(content!) : undefined;
      return {
        ...(container === undefined ? {} : { container, running, startedAt }),
        expected,
        health,
        ...(content === undefined ? {} : { content }),
        ...(upToDate === undefined ? {} : { upToDate }),
        ...(cause === undefined ? {} : { cause }),
        changes,
        mounts: mounts.map((mount) => (hidden.has(mount.path) ? { ...mount, hidesFiles: true } : mount)),
      };
    });
}

export const runningExit = ({ hosts }: RunningReport): ExitStatus =>
  Object.values(hosts).some((host) => "problems" in host) ? exit.refused : exit.done;

/** The report for people. */
export function renderRunning(report: RunningReport, paint: Paint): string[] {
  const tree = report.workingTree;
  const lines = Object.entries(report.hosts).flatMap(([name, host]) =>
    "problems" in host
      ? unknownHost(name, host.problems, paint)
      : [
          `${paint("bold", name)}: release ${printable(host.release)}`,
          ...host.containers.flatMap((each) => renderContainer(report, each, paint)),
          "",
        ],
  );
  const unread =
    tree && "problems" in tree
      ? ["the working tree could not be compared:", ...tree.problems.map((line) => `  ${printable(line)}`)]
      : [];
  return [...lines, ...unread].slice(0, unread.length > 0 ? undefined : -1);
}

function renderContainer(
  { service, workingTree }: RunningReport,
  each: RunningContainer,
  paint: Paint,
): string[] {
  if (each.container === undefined) return [paint("red", `  ${service}: no container (${each.health})`)];
  const { changes, mounts } = each;
  return [
    printable(
      `  ${service}: container ${each.container.slice(0, 12)}, started ${moment(each.startedAt ?? "-")}, ${each.health}`,
    ),
    `    image ${printable(imageOf(each))}: ${comparison(each, workingTree)}`,
    changes.length === 0
      ? "    inside the container nothing was changed after it was created"
      : paint(
          "yellow",
          `    inside the container ${changes.length === 1 ? "1 file was" : `${changes.length} files were`} changed after it was created`,
        ),
    ...table(changes.slice(0, shown).map(({ change, path }) => [`      ${change}`, path])),
    ...(changes.length > shown ? [`      and ${count(changes.length - shown, "other")}`] : []),
    ...(mounts.length > 0 ? ["    mounted over the image, whose own files there are not seen"] : []),
    ...table(
      mounts.map(({ path, type, source, hidesFiles }) => [
        `      ${path}`,
        [type, source, ...(hidesFiles ? ["(the image has files there)"] : [])].filter(Boolean).join(" "),
      ]),
    ),
  ];
}

function comparison(
  { content, upToDate, cause }: RunningContainer,
  tree: RunningReport["workingTree"],
): string {
  if (tree === undefined) return "not built from the working tree";
  if (content === undefined) return "not built by everfresh";
  if (upToDate === undefined) return "the working tree is not known";
  return upToDate
    ? "the working tree's content"
    : `differs from the working tree${cause ? `: ${printable(cause)}` : ""}`;
}
