import { runVerb } from "../../adapters/verb";
import { historyProgram } from "../../core/host/requests";
import { readSettings } from "../configuration";
import { askHosts, hostProject, problemsOf } from "../hosts";
import { readLedger, renderHistory } from "../ledger";
import { type ExitStatus, exit } from "../pulumi/outcome";
import type { Session } from "../session";
import { paintFor, print, printJson, waitingFor } from "../terminal";

/** Every deployment the hosts remember, failed ones too. */
export async function history(session: Session, { limit }: { limit: number }): Promise<ExitStatus> {
  const settings = await readSettings(session);
  const project = await hostProject(settings);
  const answers = await waitingFor(
    "reading the ledgers",
    askHosts(settings, async (asked) => readLedger(await runVerb(asked, historyProgram(project)))),
  );
  if (session.json) {
    const hosts = answers.map((answer) => [
      answer.name,
      "problems" in answer
        ? { problems: answer.problems }
        : { deployments: answer.value.slice(-limit).reverse() },
    ]);
    printJson({ hosts: Object.fromEntries(hosts) });
  } else {
    print(renderHistory(answers, limit, paintFor(process.stdout, process.env)));
  }
  return problemsOf(answers).length > 0 ? exit.refused : exit.done;
}
