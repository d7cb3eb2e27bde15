import { parseJson } from "../../core/parse";
import { mustFollowWorkingTree, mustHaveReadableFile } from "../configuration";
import { mustBeDeployable, mustSuitPulumi } from "../deployable";
import { outputs, preview as previewArguments, up } from "../pulumi/commands";
import { type ExitStatus, exit, type Outcome, outcomeOf } from "../pulumi/outcome";
import { ask, follow } from "../pulumi/run";
import type { Session } from "../session";
import { printJson } from "../terminal";

/** `pulumi up`, with an exit status that says how it ended. */
export async function deploy(session: Session, more: readonly string[]): Promise<ExitStatus> {
  await mustBeDeployable(session);
  await mustFollowWorkingTree(session, "deploy");
  return runUp(session, { more });
}

/** `pulumi preview`. */
export async function preview(session: Session, more: readonly string[]): Promise<ExitStatus> {
  mustHaveReadableFile(session);
  await mustSuitPulumi(session);
  const run = await follow((eventLog) => previewArguments(session, { json: session.json, eventLog, more }));
  return outcomeOf(run).exit;
}

/** Builds and pushes the images; the hosts are left alone. */
export async function buildOnly(session: Session): Promise<ExitStatus> {
  await mustBeDeployable(session);
  await mustFollowWorkingTree(session, "build-only");
  return runUp(session, { only: ["everfresh:index:ContentImage", "everfresh:index:RegistryPush"] });
}

export async function runUp(
  session: Session,
  options: { only?: readonly string[]; more?: readonly string[] } = {},
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
