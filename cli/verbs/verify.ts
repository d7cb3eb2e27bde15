import { searchProgram, verifyProgram } from "../../core/host/requests";
import { readSettings } from "../configuration";
import type { ExitStatus } from "../pulumi/outcome";
import type { Session } from "../session";
import { paintFor, print, printJson } from "../terminal";
import { askTold } from "../told";
import {
  checksExit,
  checksReportOf,
  renderChecks,
  renderSearch,
  searchExit,
  searchOf,
  searchReportOf,
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
    const answers = await askTold(settings, "making the checks", (project) =>
      verifyProgram(project, service),
    );
    const report = checksReportOf(answers, service);
    if (session.json) printJson(report);
    else print(renderChecks(report, paint));
    return checksExit(report);
  }
  const answers = await askTold(settings, "searching", (project) => searchProgram(project, search));
  const report = searchReportOf(answers, search);
  if (session.json) printJson(report);
  else print(renderSearch(report, service, paint));
  return searchExit(report);
}
