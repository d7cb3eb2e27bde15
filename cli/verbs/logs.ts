import { runVerb } from "../../adapters/verb";
import { logsProgram } from "../../core/host/requests";
import { printable } from "../../core/printable";
import { Problems, problem } from "../../core/problems";
import { readSettings } from "../configuration";
import { askHosts, hostProject, problemsOf } from "../hosts";
import { type ExitStatus, exit } from "../pulumi/outcome";
import type { Session } from "../session";
import { print, waitingFor } from "../terminal";

/** Prints the last lines of the containers' logs, from all hosts. */
export async function logs(
  session: Session,
  service: string | undefined,
  { tail }: { tail: number },
): Promise<ExitStatus> {
  const settings = await readSettings(session);
  const project = await hostProject(settings);
  const answers = await waitingFor(
    "reading the logs",
    askHosts(settings, (asked) =>
      runVerb(asked, logsProgram(project, { service, tail }), {
        askLess: "ask for fewer lines with `--tail`, or for one service",
      }),
    ),
  );
  let found = false;
  for (const answer of answers) {
    if ("problems" in answer) continue;
    const lines = answer.value.split("\n").filter((line) => line !== "");
    found ||= lines.length > 0;
    const prefix = answers.length > 1 ? `${answer.name} | ` : "";
    if (lines.length > 0) print(lines.map((line) => prefix + printable(line)));
  }
  const problems = problemsOf(answers);
  if (problems.length > 0) throw new Problems(problems);
  if (!found && service !== undefined) {
    throw new Problems([
      problem(service, "no host has any log output of it", "run `everfresh status` to list the services"),
    ]);
  }
  return exit.done;
}
