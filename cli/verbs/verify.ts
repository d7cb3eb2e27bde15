import { probeAndAsk } from "../../adapters/probe";
import type { HostProgram } from "../../core/host/program-text";
import { type HostProject, searchProgram, verifyProgram } from "../../core/host/requests";
import { Problems, problem } from "../../core/problems";
import type { Settings } from "../../core/settings";
import { readSettings } from "../configuration";
import { askHosts, type HostAnswer, hostProject } from "../hosts";
import type { ExitStatus } from "../pulumi/outcome";
import type { Session } from "../session";
import { paintFor, print, printJson, waitingFor } from "../terminal";
import {
  checksExit,
  checksReportOf,
  renderChecks,
  renderSearch,
  searchExit,
  searchOf,
  searchReportOf,
  type Told,
  type VerifyOptions,
} from "../verify";

/** Looks for a text in what the running containers see, or makes the checks of the current release again. */
export async function verify(
  session: Session,
  service: string | undefined,
  options: VerifyOptions,
): Promise<ExitStatus> {
  const search = searchOf(service, options);
  const settings = await readSettings(session);
  const paint = paintFor(process.stdout, process.env);
  if (search === undefined) {
    const answers = await ask(settings, "making the checks", (project) => verifyProgram(project, service));
    const report = checksReportOf(answers, service);
    if (session.json) printJson(report);
    else print(renderChecks(report, paint));
    return checksExit(report);
  }
  const answers = await ask(settings, "searching", (project) => searchProgram(project, search));
  const report = searchReportOf(answers, search);
  if (session.json) printJson(report);
  else print(renderSearch(report, service, paint));
  return searchExit(report);
}

async function ask(
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
