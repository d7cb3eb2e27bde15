import { readCompose } from "../../adapters/compose";
import { isBuilt } from "../../core/compose/project";
import { readProject } from "../../core/compose/read-project";
import type { ContentIdentity } from "../../core/content";
import { parseInside } from "../../core/host/inside";
import { insideProgram } from "../../core/host/requests";
import { Problems } from "../../core/problems";
import type { Settings } from "../../core/settings";
import { whyNew } from "../../preflight/why-new";
import { readSettings } from "../configuration";
import { renderRunning, runningExit, runningReportOf } from "../explain-running";
import type { HostAnswer } from "../hosts";
import type { ExitStatus } from "../pulumi/outcome";
import type { Session } from "../session";
import { paintFor, print, printJson } from "../terminal";
import { askTold, type Told } from "../told";
import { identifyServices } from "../working-tree";

/** What a service's containers run, and how that differs from their images and from the working tree. */
export async function explainRunning(session: Session, service: string): Promise<ExitStatus> {
  const settings = await readSettings(session);
  const [answers, identity] = await Promise.all([
    askTold(settings, "looking into the containers", (project) => insideProgram(project, service)),
    identify(settings, service),
  ]);
  const report = runningReportOf(
    service,
    answers,
    identity instanceof Problems
      ? { problems: identity.problems }
      : identity && { content: identity.content },
    identity === undefined || identity instanceof Problems ? undefined : await causes(answers, identity),
  );
  if (session.json) printJson(report);
  else print(renderRunning(report, paintFor(process.stdout, process.env)));
  return runningExit(report);
}

/** What the working tree would build for a service; undefined if it builds nothing for it. */
async function identify(
  settings: Settings,
  service: string,
): Promise<ContentIdentity | Problems | undefined> {
  try {
    const text = await readCompose(settings);
    if (!readProject(text).services.some((each) => each.name === service && isBuilt(each))) return undefined;
    return (await identifyServices(settings, { only: service, text }))[service];
  } catch (error) {
    if (error instanceof Problems) return error;
    throw error;
  }
}

/** Why the working tree would build other images than those that run, by the content hash that runs. */
async function causes(
  answers: readonly HostAnswer<Told>[],
  now: ContentIdentity,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const answer of answers) {
    if (!("value" in answer)) continue;
    for (const { content } of parseInside(answer.value.lines).values())
      if (content !== undefined && content !== now.content) found.set(content, await whyNew(content, now));
  }
  return found;
}
