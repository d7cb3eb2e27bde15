import type { HostProgram } from "../core/host/program-text";
import type { StreamedProgram } from "../core/host/requests";
import { Problems, problem } from "../core/problems";
import type { Host } from "../core/settings";
import { type RunOptions, runOnHost } from "./ssh";

export interface Asked {
  host: Host;
  /** The setting that a message names, such as `everfresh:hosts[0]`. */
  where: string;
}

/**
 * Runs one verb of the host's program.
 *
 * @returns its stdout.
 * @throws Problems in the host's own words if it refuses.
 */
export async function runVerb(
  { host, where }: Asked,
  program: HostProgram | StreamedProgram,
  options: RunOptions = {},
): Promise<string> {
  const { status, stdout, stderr } = await runOnHost(host, where, program, options);
  if (status === 0) return stdout;
  const refusals = stderr.split("\n").filter((line) => line.trim() !== "");
  throw new Problems(
    refusals.length > 0
      ? refusals.map((line) => `${host.name}: ${line}`)
      : [problem(`${where} (${host.name})`, `ended with status ${status ?? "unknown"}`, "look at the host")],
  );
}
