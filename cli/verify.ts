import { type Search, searchLimitMib, standInFor } from "../core/host/requests";
import { type CheckResult, parseChecks, parseSearch, type SearchResult } from "../core/host/search";
import { type ServiceStatus, statusOf } from "../core/host/status";
import { excerpt, printable } from "../core/printable";
import { problem, refuse } from "../core/problems";
import type { HostAnswer } from "./hosts";
import { type ExitStatus, exit } from "./pulumi/outcome";
import { shortDigest } from "./status";
import { count, moment, type Paint, table } from "./terminal";
import { byHost, mustBeKnown, type Told, unknownHost } from "./told";

export interface VerifyOptions {
  contains?: string;
  in?: string;
}

/**
 * What is to be searched, and where; undefined if nothing is, and the release's checks are made.
 *
 * @throws Problems with everything that is wrong with the options.
 */
export function searchOf(
  service: string | undefined,
  { contains, in: place }: VerifyOptions,
): Search | undefined {
  if (contains === undefined && place === undefined) return undefined;
  refuse([
    ...(contains === undefined ? [problem("--contains", "is missing", "give the text to look for")] : []),
    ...(contains === "" ? [problem("--contains", "is empty", "give the text to look for")] : []),
    ...(contains?.includes("\ufffd")
      ? [problem("--contains", "has bytes that are not UTF-8", "look for a part of the text that has none")]
      : []),
    ...(contains?.includes("\n") && standInFor(contains) === undefined
      ? [problem("--contains", "has every control character", "look for a part of the text")]
      : []),
    ...(place === undefined
      ? [
          problem(
            "--in",
            "is missing",
            "give a file or folder in the container, such as /usr/share/nginx/html",
          ),
        ]
      : place.startsWith("/")
        ? []
        : [
            problem(
              "--in",
              `\`${excerpt(place)}\` is not absolute`,
              "give the path in the container, from `/` on",
            ),
          ]),
  ]);
  return { ...(service === undefined ? {} : { service }), contains: contains!, in: place! };
}

/** What `everfresh verify --contains --json` prints. */
export interface SearchReport {
  contains: string;
  in: string;
  /** With a service: whether each of its containers has the text. Without: whether that is so for at least one service. */
  found: boolean;
  /** The services of which each container, on each host, has the text. */
  services: string[];
  hosts: Record<
    string,
    { release: string; containers: SearchedContainer[] } | { problems: readonly string[] }
  >;
}

export type SearchedContainer = Pick<
  ServiceStatus,
  "service" | "container" | "running" | "startedAt" | "health"
> &
  (SearchResult | { result: "not running" | "gone" });

/** @throws Problems if the service is in no host's release. */
export function searchReportOf(
  answers: readonly HostAnswer<Told>[],
  { service, ...search }: Search,
): SearchReport {
  mustBeKnown(service, answers);
  const hosts = byHost(answers, (told) => ({ containers: searched(told, service) }));
  const all = Object.values(hosts).flatMap((host) => ("containers" in host ? host.containers : []));
  const services = [...new Set(all.map((each) => each.service))].filter((name) =>
    all.every((each) => each.service !== name || each.result === "found"),
  );
  const answered = Object.values(hosts).every((host) => !("problems" in host));
  return { ...search, found: answered && services.length > 0, services, hosts };
}

function searched({ state, lines }: Told, only: string | undefined): SearchedContainer[] {
  const results = parseSearch(lines);
  const running = new Set(state.containers.filter(({ state }) => state === "running").map(({ id }) => id));
  return statusOf(state)
    .services.filter(({ service }) => only === undefined || service === only)
    .map(({ service, container, running: image, startedAt, health }) => ({
      service,
      ...(container === undefined ? {} : { container, running: image, startedAt }),
      health,
      ...((container !== undefined && results.get(container)) || {
        result:
          container !== undefined && running.has(container) ? ("gone" as const) : ("not running" as const),
      }),
    }));
}

export function searchExit({ found, hosts }: SearchReport): ExitStatus {
  if (Object.values(hosts).some((host) => "problems" in host)) return exit.refused;
  return found ? exit.done : exit.failed;
}

/** The report for people. */
export function renderSearch(report: SearchReport, service: string | undefined, paint: Paint): string[] {
  const lines = Object.entries(report.hosts).flatMap(([name, host]) => {
    if ("problems" in host) return unknownHost(name, host.problems, paint);
    const [head, ...rows] = table([
      ["  service", "container", "image", "started", "result"],
      ...host.containers.map((each) => [
        `  ${each.service}`,
        each.container?.slice(0, 12) ?? "-",
        each.running === undefined ? "-" : shortDigest(each.running),
        each.startedAt ? moment(each.startedAt) : "-",
        inWords(each, report),
      ]),
    ]);
    return [
      `${paint("bold", name)}: release ${printable(host.release)}`,
      paint("dim", head!),
      ...rows.map((row, i) => (host.containers[i]!.result === "found" ? row : paint("red", row))),
      "",
    ];
  });
  return [...lines, conclusion(report, service, paint)];
}

function inWords(each: SearchedContainer, { contains, in: place }: SearchReport): string {
  switch (each.result) {
    case "found": {
      const unit = contains.includes("\n") ? "place" : "line";
      const named = each.files.slice(0, 3).map(({ path }) => path);
      const rest = each.matching - named.length;
      return `found in ${count(each.count, unit)} of ${named.join(", ")}${rest > 0 ? ` and ${count(rest, "other file")}` : ""}`;
    }
    case "not found":
      return each.searched === 0
        ? `not found: ${place} has no files`
        : `not found in ${count(each.searched, "file")}`;
    case "no such path":
      return `${place} does not exist there`;
    case "too large":
      return `${place} has ${each.mib} MiB, and up to ${searchLimitMib} are searched; name a folder in it, or a file`;
    case "not running":
      return `not running (${each.health})`;
    case "gone":
      return "ended while it was searched; try again";
  }
}

function conclusion(
  { contains, found, services }: SearchReport,
  service: string | undefined,
  paint: Paint,
): string {
  const text = `\`${excerpt(contains)}\``;
  if (found) return paint("green", `${text} is in every container of ${printable(services.join(", "))}`);
  return paint(
    "red",
    service === undefined
      ? `no service has ${text} in every container; \`everfresh status\` shows what runs`
      : `not every container of ${service} has ${text}; \`everfresh explain ${service} --running\` shows what it runs`,
  );
}

/** What `everfresh verify --json` prints. */
export interface ChecksReport {
  passed: boolean;
  hosts: Record<string, { release: string; checks: CheckResult[] } | { problems: readonly string[] }>;
}

/** @throws Problems if the service is in no host's release. */
export function checksReportOf(answers: readonly HostAnswer<Told>[], service?: string): ChecksReport {
  mustBeKnown(service, answers);
  const hosts = byHost(answers, ({ lines }) => ({ checks: parseChecks(lines) }));
  const passed = Object.values(hosts).every(
    (host) => "checks" in host && host.checks.every((each) => each.passed),
  );
  return { passed, hosts };
}

export function checksExit({ passed, hosts }: ChecksReport): ExitStatus {
  if (Object.values(hosts).some((host) => "problems" in host)) return exit.refused;
  return passed ? exit.done : exit.failed;
}

/** The report for people. */
export function renderChecks({ hosts }: ChecksReport, paint: Paint): string[] {
  return Object.entries(hosts).flatMap(([name, host]) => {
    if ("problems" in host) return unknownHost(name, host.problems, paint);
    const none = host.checks.length === 0 ? ["  no checks: `x-everfresh.verify` adds some"] : [];
    const rows = table(
      host.checks.map(({ service, check, problem, container }) => [
        `  ${service}`,
        check,
        problem === undefined
          ? "passed"
          : `failed: ${problem}${container ? ` (container ${container.slice(0, 12)})` : ""}`,
      ]),
    );
    return [
      `${paint("bold", name)}: release ${printable(host.release)}`,
      ...none,
      ...rows.map((row, i) => (host.checks[i]!.passed ? row : paint("red", row))),
    ];
  });
}
