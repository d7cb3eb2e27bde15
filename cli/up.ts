import { parseJson } from "../core/parse";
import { outputs, preview, type RunOptions, up } from "./pulumi/commands";
import { type ExitStatus, exit, type Outcome, outcomeOf } from "./pulumi/outcome";
import { ask, follow } from "./pulumi/run";
import type { Session } from "./session";
import { printJson } from "./terminal";

/** Runs `pulumi up`, with an exit status that says how it ended. */
export async function runUp(
  session: Session,
  options: RunOptions & { only?: readonly string[] } = {},
): Promise<ExitStatus> {
  const run = await follow(
    (eventLog) => up(session, { approved: session.yes, eventLog, ...options }),
    session.json ? "stderr" : "stdout",
  );
  const outcome = outcomeOf(run);
  if (session.json) printJson(await summary(session, outcome));
  else if (outcome.exit === exit.broken) {
    process.stderr.write(
      "everfresh: a host could not be put back to its old release; check it with `everfresh status` and `everfresh logs`\n",
    );
  }
  return outcome.exit;
}

async function summary(session: Session, { exit: status, problems }: Outcome) {
  if (status !== exit.done) return { exit: status, problems };
  const { release, tag, images, hosts, urls } = parseJson(
    await ask(outputs(session)),
    "pulumi stack output",
    "run `pulumi stack output --json` to see its output",
  ) as Record<string, unknown>;
  return { exit: status, release, tag, images, hosts, urls };
}

/** Runs `pulumi preview`. */
export async function runPreview(session: Session, options: RunOptions = {}): Promise<ExitStatus> {
  const run = await follow((eventLog) => preview(session, { json: session.json, eventLog, ...options }));
  return outcomeOf(run).exit;
}
