import { restarted } from "../core/host/judge";
import { type HostStatus, type ServiceStatus, statusOf } from "../core/host/status";
import type { HostState } from "../core/host/types";
import { printable } from "../core/printable";
import { own } from "../core/records";
import type { HostAnswer } from "./hosts";
import { type ExitStatus, exit } from "./pulumi/outcome";
import { moment, type Paint, table } from "./terminal";

/** What `everfresh status --json` prints. */
export interface StatusReport {
  /** Whether every host answers, nobody is deploying, and everything runs as it was proved. */
  healthy: boolean;
  /** The release that a rollback has pinned the stack to. Until it is unpinned, deployments ignore the working tree. */
  pinned?: string;
  /** Whether every image is the one that the working tree would build; absent when that is not known. */
  upToDate?: boolean;
  hosts: Record<string, HostReport | { problems: readonly string[] }>;
  /** The content hash of each service the working tree would build, or why it is not known. */
  workingTree: { contents: Record<string, string> } | { problems: readonly string[] };
}

export interface HostReport extends HostStatus {
  services: ServiceReport[];
  /** Who is deploying there now. */
  deploying?: HostState["holder"];
}

export interface ServiceReport extends ServiceStatus {
  /** Whether the working tree would build this image; absent for a service that is not built, or when it is not known. */
  upToDate?: boolean;
  /** Why the working tree would build another image, in words. */
  cause?: string;
}

/**
 * @param causes - why a service would be built again, by the content hash it has on a host.
 * @param pinned - the release that the configuration names.
 */
export function reportOf(
  answers: readonly HostAnswer<HostState>[],
  workingTree: StatusReport["workingTree"],
  { causes = new Map(), pinned }: { causes?: ReadonlyMap<string, string>; pinned?: string } = {},
): StatusReport {
  const wanted = "contents" in workingTree ? workingTree.contents : undefined;
  const hosts = Object.fromEntries(
    answers.map((answer) => [
      answer.name,
      "problems" in answer ? { problems: answer.problems } : hostReport(answer.value, wanted, causes),
    ]),
  );
  const all = Object.values(hosts);
  const upToDate =
    wanted && all.every((host) => !("problems" in host))
      ? all.every((host) => "services" in host && runsAll(host, wanted))
      : undefined;
  return {
    healthy: all.every((host) => !("problems" in host) && !host.deploying && isHealthy(host)),
    ...(pinned === undefined ? {} : { pinned }),
    ...(upToDate === undefined ? {} : { upToDate }),
    hosts,
    workingTree,
  };
}

function hostReport(
  state: HostState,
  wanted: Record<string, string> | undefined,
  causes: ReadonlyMap<string, string>,
): HostReport {
  const status = statusOf(state);
  const services = status.services.map((service): ServiceReport => {
    if (service.content === undefined || wanted === undefined) return service;
    const upToDate = own(wanted, service.service) === service.content;
    const cause = upToDate ? undefined : causes.get(service.content);
    return { ...service, upToDate, ...(cause === undefined ? {} : { cause }) };
  });
  return { ...status, services, ...(state.holder ? { deploying: state.holder } : {}) };
}

const isHealthy = ({ services, drift, engineError }: HostStatus) =>
  engineError === undefined && drift.length === 0 && services.every(({ proved }) => proved);

function runsAll({ services }: HostReport, wanted: Record<string, string>): boolean {
  const built = services.filter(({ content }) => content !== undefined);
  return (
    built.every(({ upToDate }) => upToDate) &&
    Object.keys(wanted).every((name) => built.some(({ service }) => service === name))
  );
}

/** @param expectCurrent - whether an image that the working tree would build again is also a failure. */
export function statusExit(report: StatusReport, expectCurrent: boolean): ExitStatus {
  const hosts = Object.values(report.hosts);
  if (hosts.some((host) => "problems" in host)) return exit.refused;
  if (expectCurrent && "problems" in report.workingTree) return exit.refused;
  if (hosts.some((host) => "deploying" in host)) return exit.locked;
  if (!report.healthy) return exit.failed;
  return expectCurrent && !report.upToDate ? exit.failed : exit.done;
}

/** The report for people. */
export function renderStatus(report: StatusReport, paint: Paint): string[] {
  const lines = Object.entries(report.hosts).flatMap(([name, host]) =>
    "problems" in host
      ? [
          `${paint("bold", name)}: ${paint("red", "not known")}`,
          ...host.problems.map((line) => `  ${printable(line)}`),
          "",
        ]
      : [...renderHost(name, host, paint), ""],
  );
  return [...lines, ...conclusion(report, paint)];
}

function renderHost(name: string, host: HostReport, paint: Paint): string[] {
  const title = host.release === undefined ? "nothing is deployed" : `release ${host.release}${origin(host)}`;
  const rows = host.services.map((service) => [
    `  ${service.service}`,
    service.container?.slice(0, 12) ?? "-",
    imageOf(service),
    service.startedAt ? moment(service.startedAt) : "-",
    healthOf(service),
    treeOf(service),
  ]);
  const [head, ...body] = table([
    ["  service", "container", "image", "started", "health", "working tree"],
    ...rows,
  ]);
  return [
    `${paint("bold", name)}: ${printable(title)}`,
    ...(rows.length > 0 ? [paint("dim", head!)] : []),
    ...body.map((line, i) => (host.services[i]!.proved ? line : paint("red", line))),
    ...host.drift
      .filter(() => host.release !== undefined)
      .map((text) => paint("red", `  drift: ${printable(text)}`)),
    ...host.notes.map((text) => paint("yellow", `  note: ${printable(text)}`)),
  ];
}

/** Who deployed it, when, from what. */
function origin({ commit, dirty, deployedAt, who, from, stack }: HostReport): string {
  return [
    commit && ` of commit ${commit.slice(0, 7)}${dirty ? " with changes" : ""}`,
    deployedAt && `, deployed ${moment(deployedAt)}`,
    who && ` by ${who}`,
    from && ` on ${from}`,
    stack && ` (stack ${stack})`,
  ]
    .filter(Boolean)
    .join("");
}

function healthOf({ health, proved, restarts = 0 }: ServiceStatus): string {
  return [
    health,
    ...(proved || /unhealthy|missing/.test(health) ? [] : ["not as proved"]),
    ...(restarts > 0 ? [restarted(restarts)] : []),
  ].join(", ");
}

/** Shortens a digest to twelve digits, as Docker does. */
export const shortDigest = (image: string) =>
  image.replace(/^.*@/, "").replace(/^sha256:([0-9a-f]{12})[0-9a-f]+$/, "$1");

/** The image that runs, and the one that should if it is another. */
export function imageOf({ expected, running }: Pick<ServiceStatus, "expected" | "running">): string {
  if (running === undefined) return `- (expected ${shortDigest(expected)})`;
  const named = !/sha256:[0-9a-f]{64}$/.test(expected);
  return named || expected.endsWith(running)
    ? shortDigest(running)
    : `${shortDigest(running)} (expected ${shortDigest(expected)})`;
}

function treeOf({ content, upToDate, cause }: ServiceReport): string {
  if (content === undefined) return "not built";
  if (upToDate === undefined) return "not known";
  return upToDate ? "the same" : `differs${cause ? `: ${cause}` : ""}`;
}

function conclusion(report: StatusReport, paint: Paint): string[] {
  const pinned =
    report.pinned === undefined
      ? []
      : [
          paint(
            "yellow",
            `pinned to release ${report.pinned}; \`everfresh rollback --clear\` goes back to the working tree`,
          ),
        ];
  return [health(report, paint), ...pinned, ...comparison(report, paint)];
}

function health(report: StatusReport, paint: Paint): string {
  const services = Object.values(report.hosts).flatMap((host) => ("services" in host ? host.services : []));
  if (report.healthy && services.some(({ restarts = 0 }) => restarts > 0))
    return paint("yellow", "everything runs as it was proved, but with restarts; `everfresh logs` shows why");
  if (report.healthy) return paint("green", "healthy: everything runs as it was proved");
  if (Object.values(report.hosts).some((host) => "deploying" in host))
    return paint("yellow", "somebody is deploying");
  return paint("red", "not healthy: see above; `everfresh deploy` repairs drift, `everfresh logs` shows why");
}

function comparison({ workingTree, upToDate, pinned }: StatusReport, paint: Paint): string[] {
  if ("problems" in workingTree) {
    return [
      paint("yellow", "the working tree could not be compared:"),
      ...workingTree.problems.map((line) => `  ${line}`),
    ];
  }
  if (upToDate === undefined) return [];
  if (upToDate) return ["images: what the working tree would build (`everfresh preview` compares the rest)"];
  const todo = pinned === undefined ? "; `everfresh deploy` deploys them" : "";
  return [paint("yellow", `images: the working tree would build others${todo}`)];
}
