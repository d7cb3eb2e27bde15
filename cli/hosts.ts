import { type RunOptions, runOnHost } from "../adapters/ssh";
import type { HostProgram, HostProject } from "../core/host/program";
import { Problems, problem } from "../core/problems";
import type { Host, Settings } from "../core/settings";
import { projectName } from "./configuration";

/** What one host answered, or why it did not. */
export type HostAnswer<T> = { name: string } & ({ value: T } | { problems: readonly string[] });

export interface Asked {
  host: Host;
  /** The setting that a message names, such as `everfresh:hosts[0]`. */
  where: string;
}

/** Asks all hosts at once; one that does not answer keeps nobody else's answer back. */
export function askHosts<T>(
  { hosts }: Settings,
  ask: (asked: Asked) => Promise<T>,
): Promise<HostAnswer<T>[]> {
  return Promise.all(
    hosts.map(async (host, i): Promise<HostAnswer<T>> => {
      try {
        return { name: host.name, value: await ask({ host, where: `everfresh:hosts[${i}]` }) };
      } catch (error) {
        if (!(error instanceof Problems)) throw error;
        return { name: host.name, problems: error.problems };
      }
    }),
  );
}

/**
 * Runs one verb of the host's program.
 *
 * @returns its stdout.
 * @throws Problems in the host's own words when it refuses.
 */
export async function runVerb(
  { host, where }: Asked,
  program: HostProgram,
  options: RunOptions = {},
): Promise<string> {
  const { status, stdout, stderr } = await runOnHost(host, where, program, options);
  if (status === 0) return stdout;
  const said = stderr.split("\n").filter((line) => line.trim() !== "");
  throw new Problems(
    said.length > 0
      ? said.map((line) => `${host.name}: ${line}`)
      : [problem(`${where} (${host.name})`, `ended with status ${status ?? "unknown"}`, "look at the host")],
  );
}

export async function hostProject(settings: Settings): Promise<HostProject> {
  return { project: await projectName(settings), remoteDir: settings.remoteDir };
}

/** The problems of all hosts that did not answer. */
export const problemsOf = (answers: readonly HostAnswer<unknown>[]): string[] =>
  answers.flatMap((answer) => ("problems" in answer ? answer.problems : []));
