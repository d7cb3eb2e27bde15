import { followVerb } from "../../adapters/follow";
import { runVerb } from "../../adapters/verb";
import { followProgram, logsProgram } from "../../core/host/requests";
import { printable } from "../../core/printable";
import { Problems, problem } from "../../core/problems";
import { readSettings } from "../configuration";
import { askHosts, hostProject, problemsOf } from "../hosts";
import { type ExitStatus, exit } from "../pulumi/outcome";
import type { Session } from "../session";
import { print, waitingFor } from "../terminal";

/**
 * Prints what the containers' logs get from now on, after their last lines. Ends only with Ctrl-C, or when no host can be followed
 * any more.
 */
export async function followLogs(
  session: Session,
  service: string | undefined,
  { tail }: { tail: number },
): Promise<ExitStatus> {
  const stop = () => process.exit(exit.done);
  process.once("SIGINT", stop);
  // Nobody reads any more.
  process.stdout.once("error", stop);
  const settings = await readSettings(session);
  const program = followProgram(await hostProject(settings), { service, tail });
  const several = settings.hosts.length > 1;
  await askHosts(settings, (asked) =>
    followVerb(asked, program, (line) =>
      print(printable(several ? `${asked.host.name} | ${line}` : line)),
    ).catch((error: unknown) => {
      if (!(error instanceof Problems)) throw error;
      process.stderr.write(`${error.message}\n`);
    }),
  );
  return exit.refused;
}

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
