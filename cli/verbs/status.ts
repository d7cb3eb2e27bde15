import { readCompose } from "../../adapters/compose";
import { probeHost } from "../../adapters/probe";
import { type ComposeText, projectNameOf } from "../../core/compose/document";
import type { ContentIdentity } from "../../core/content";
import type { HostState } from "../../core/host/types";
import { Problems } from "../../core/problems";
import { mapValues, own } from "../../core/records";
import { whyNew } from "../../preflight/why-new";
import { readSettings } from "../configuration";
import { askHosts, type HostAnswer } from "../hosts";
import type { ExitStatus } from "../pulumi/outcome";
import type { Session } from "../session";
import { renderStatus, reportOf, statusExit } from "../status";
import { paintFor, print, printJson, waitingFor } from "../terminal";
import { identifyServices } from "../working-tree";

/** Is everything healthy, is it what the working tree would build, who deployed it and when? */
export async function status(
  session: Session,
  { expectCurrent = false }: { expectCurrent?: boolean },
): Promise<ExitStatus> {
  const settings = await readSettings(session);
  const compose = await orProblems(readCompose(settings));
  if (compose instanceof Problems && settings.projectName === undefined) throw compose;
  const project = settings.projectName ?? projectNameOf(compose as ComposeText);

  const [answers, identities] = await waitingFor(
    `asking ${settings.hosts.map(({ name }) => name).join(", ")}`,
    Promise.all([
      askHosts(settings, ({ host, where }) => probeHost(host, where, project, settings.remoteDir)),
      compose instanceof Problems ? compose : orProblems(identifyServices(settings, { text: compose })),
    ]),
  );
  const report = reportOf(
    answers,
    identities instanceof Problems
      ? { problems: identities.problems }
      : { contents: mapValues(identities, ({ content }) => content) },
    {
      causes: identities instanceof Problems ? undefined : await causes(answers, identities),
      pinned: settings.release,
    },
  );
  if (session.json) printJson(report);
  else print(renderStatus(report, paintFor(process.stdout, process.env)));
  return statusExit(report, expectCurrent);
}

const orProblems = <T>(work: Promise<T>): Promise<T | Problems> =>
  work.catch((error: unknown) => {
    if (error instanceof Problems) return error;
    throw error;
  });

/** Why the working tree would build other images than those that run, by the content hash that runs. */
async function causes(
  answers: readonly HostAnswer<HostState>[],
  identities: Record<string, ContentIdentity>,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const answer of answers) {
    for (const { name, content } of ("value" in answer ? answer.value.current?.services : undefined) ?? []) {
      const now = own(identities, name);
      if (content === undefined || now === undefined || now.content === content) continue;
      found.set(content, await whyNew(content, now));
    }
  }
  return found;
}
