import { linesAfterProbe, parseProbe } from "../core/host/probe";
import type { HostProgram } from "../core/host/program-text";
import { probeProgram } from "../core/host/requests";
import type { HostState } from "../core/host/types";
import { Problems, problem } from "../core/problems";
import type { Host } from "../core/settings";
import { type RemoteResult, type RunOptions, runOnHost } from "./ssh";
import { type Asked, runVerb } from "./verb";

/**
 * Asks a host what currently runs there, in one read-only round trip.
 *
 * @param where - the setting that messages name, such as `everfresh:hosts[0]`.
 * @param project - the project's name; may be a promise, so that connecting need not wait for it.
 * @throws Problems when the host cannot be reached, or its engine does not answer.
 */
export async function probeHost(
  host: Host,
  where: string,
  project: string | Promise<string>,
  remoteDir?: string,
  options: Pick<RunOptions, "mustForward"> = {},
): Promise<HostState> {
  const program = Promise.resolve(project).then((name) => probeProgram({ project: name, remoteDir }));
  return readState(await runOnHost(host, where, program, options), `${where} (${host.name})`);
}

/**
 * Runs a verb that tells the same facts first, and returns the lines after them too.
 *
 * @throws Problems like {@link probeHost}, or in the host's own words if it refuses.
 */
export async function probeAndAsk(
  asked: Asked,
  program: HostProgram,
  options: RunOptions = {},
): Promise<{ state: HostState; lines: string[] }> {
  const stdout = await runVerb(asked, program, options);
  const state = readState({ status: 0, stdout, stderr: "" }, `${asked.where} (${asked.host.name})`);
  return { state, lines: linesAfterProbe(stdout) };
}

function readState({ status, stdout, stderr }: RemoteResult, named: string): HostState {
  let state: HostState;
  try {
    state = parseProbe(stdout);
  } catch (error) {
    const lastLine = stderr.trim().split("\n").at(-1);
    throw new Problems([
      // The host's own refusals already say what to do.
      !lastLine
        ? `${named}: ${(error as Error).message}`
        : lastLine.includes("; ")
          ? `${named}: ${lastLine}`
          : problem(named, lastLine, `fix it on the host (status ${status})`),
    ]);
  }
  if (state.engineError !== undefined) {
    throw new Problems([
      problem(
        named,
        `docker does not answer there (${state.engineError})`,
        "install or start it, and put the user into the group docker",
      ),
    ]);
  }
  return state;
}
