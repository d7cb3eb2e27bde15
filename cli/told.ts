import { probeAndAsk } from "../adapters/probe";
import type { HostProgram } from "../core/host/program-text";
import type { HostProject } from "../core/host/requests";
import type { HostState } from "../core/host/types";
import { printable } from "../core/printable";
import { Problems, problem } from "../core/problems";
import type { Settings } from "../core/settings";
import { askHosts, type HostAnswer, hostProject } from "./hosts";
import { type Paint, waitingFor } from "./terminal";

/** What a host answered to a verb that tells the facts of `probe` first. */
export interface Told {
  /** Something is deployed there. */
  state: HostState;
  /** What it said after them. */
  lines: readonly string[];
}

/** Asks all hosts with such a verb. A host on which nothing is deployed is a problem. */
export async function askTold(
  settings: Settings,
  what: string,
  program: (project: HostProject) => HostProgram,
): Promise<HostAnswer<Told>[]> {
  const asked = program(await hostProject(settings));
  return waitingFor(
    `${what} on ${settings.hosts.map(({ name }) => name).join(", ")}`,
    askHosts(settings, async (host) => {
      const told = await probeAndAsk(host, asked, { timeout: 180_000 });
      if (told.state.current !== undefined) return told;
      throw new Problems([
        problem(`${host.where} (${host.host.name})`, "nothing is deployed there", "run `everfresh deploy`"),
      ]);
    }),
  );
}

/** What a report says about each host: its release and what `view` makes of its answer, or why it did not answer. */
export const byHost = <T extends object>(
  answers: readonly HostAnswer<Told>[],
  view: (told: Told) => T,
): Record<string, ({ release: string } & T) | { problems: readonly string[] }> =>
  Object.fromEntries(
    answers.map((answer) => [
      answer.name,
      "problems" in answer
        ? { problems: answer.problems }
        : { release: answer.value.state.current!.id, ...view(answer.value) },
    ]),
  );

/** @throws Problems if hosts answered and none of their releases has the service. */
export function mustBeKnown(service: string | undefined, answers: readonly HostAnswer<Told>[]): void {
  const releases = answers.flatMap((answer) => ("value" in answer ? [answer.value.state.current!] : []));
  const names = [...new Set(releases.flatMap(({ services }) => services.map(({ name }) => name)))];
  if (service === undefined || releases.length === 0 || names.includes(service)) return;
  throw new Problems([
    problem(service, "is not a service of the release that runs", `choose one of: ${names.join(", ")}`),
  ]);
}

/** What a report for people says about a host that did not answer. */
export const unknownHost = (name: string, problems: readonly string[], paint: Paint): string[] => [
  `${paint("bold", name)}: ${paint("red", "not known")}`,
  ...problems.map((line) => `  ${printable(line)}`),
  "",
];
