import type { Asked } from "../adapters/verb";
import type { HostProject } from "../core/host/requests";
import { Problems } from "../core/problems";
import type { Settings } from "../core/settings";
import { projectName } from "./configuration";

/** What one host answered, or why it did not. */
export type HostAnswer<T> = { name: string } & ({ value: T } | { problems: readonly string[] });

/** Asks all hosts at once. A host that does not answer does not hold back the others' answers. */
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

export async function hostProject(settings: Settings): Promise<HostProject> {
  return { project: await projectName(settings), remoteDir: settings.remoteDir };
}

/** The problems of all hosts that did not answer. */
export const problemsOf = (answers: readonly HostAnswer<unknown>[]): string[] =>
  answers.flatMap((answer) => ("problems" in answer ? answer.problems : []));
