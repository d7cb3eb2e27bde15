import { probeHost } from "../../adapters/probe";
import { runVerb } from "../../adapters/verb";
import { historyProgram } from "../../core/host/requests";
import { printable } from "../../core/printable";
import { Problems, problem } from "../../core/problems";
import { readPlainSettings, readSettings } from "../configuration";
import { mustBeDeployable } from "../deployable";
import { askHosts, hostProject, problemsOf } from "../hosts";
import { type HostHistory, type LedgerEntry, readLedger, rollbackTarget } from "../ledger";
import { type ExitStatus, exit } from "../pulumi/outcome";
import type { Session } from "../session";
import { moment, waitingFor } from "../terminal";
import { upWith } from "../up-with";

/** Pins the stack to an earlier release that the hosts still keep, and deploys that. */
export async function rollback(session: Session, release: string | undefined): Promise<ExitStatus> {
  await mustBeDeployable(session);
  const hosts = await waitingFor("reading the ledgers", readHistories(session));
  const target = rollbackTarget(hosts, release);
  const entry = Object.values(hosts)[0]!.ledger.findLast(
    (entry) => entry.release === target && entry.outcome === "deployed",
  )!;
  process.stderr.write(`${printable(announcement(entry))}\n`);
  return upWith(session, { release: target });
}

/** Unpins the stack: what the working tree builds, or another stack proved, is deployed again. */
export async function clearRollback(session: Session): Promise<ExitStatus> {
  await mustBeDeployable(session);
  if ((await readPlainSettings(session)).release === undefined) {
    process.stderr.write("everfresh:release: the stack is not pinned to a release; nothing to do\n");
    return exit.done;
  }
  return upWith(session, { release: undefined });
}

async function readHistories(session: Session): Promise<Record<string, HostHistory>> {
  const settings = await readSettings(session);
  const project = await hostProject(settings);
  const answers = await askHosts(settings, async (asked): Promise<HostHistory> => {
    const [state, ledger] = await Promise.all([
      probeHost(asked.host, asked.where, project.project, project.remoteDir),
      runVerb(asked, historyProgram(project)),
    ]);
    if (!state.current) {
      throw new Problems([
        problem(`${asked.where} (${asked.host.name})`, "nothing is deployed there", "run `everfresh deploy`"),
      ]);
    }
    return { current: state.current.id, ledger: readLedger(ledger), keepReleases: settings.keepReleases };
  });
  const problems = problemsOf(answers);
  if (problems.length > 0) throw new Problems(problems);
  return Object.fromEntries(
    answers.flatMap((answer) => ("value" in answer ? [[answer.name, answer.value] as const] : [])),
  );
}

function announcement({ release, tag, at, who, from }: LedgerEntry): string {
  return [
    `rolling back to release ${release} (${tag ?? "no tag"}), deployed ${moment(at)} by ${who} on ${from}.`,
    "The stack stays pinned to it; `everfresh rollback --clear` unpins it.",
  ].join("\n");
}
