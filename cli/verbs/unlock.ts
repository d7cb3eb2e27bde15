import { probeHost } from "../../adapters/probe";
import { runVerb } from "../../adapters/verb";
import { unlockProgram } from "../../core/host/requests";
import { printable } from "../../core/printable";
import { Problems } from "../../core/problems";
import { readSettings } from "../configuration";
import { askHosts, hostProject, problemsOf } from "../hosts";
import { confirm } from "../prompt";
import { type ExitStatus, exit } from "../pulumi/outcome";
import { mustBeApproved, type Session } from "../session";
import { print, waitingFor } from "../terminal";

/** Asks the deployment that holds a host's lock to stop, so that it puts back what ran, and kills it after `wait` seconds. */
export async function unlock(session: Session, { wait }: { wait: number }): Promise<ExitStatus> {
  const settings = await readSettings(session);
  const project = await hostProject(settings);
  const states = await waitingFor(
    "asking the hosts",
    askHosts(settings, ({ host, where }) => probeHost(host, where, project.project, project.remoteDir)),
  );
  const unreachable = problemsOf(states);
  if (unreachable.length > 0) throw new Problems(unreachable);

  const locked = states.flatMap((state) =>
    "value" in state && state.value.holder ? [{ name: state.name, holder: state.value.holder }] : [],
  );
  if (locked.length === 0) {
    print("no host is locked; if Pulumi says that the stack is locked, run `pulumi cancel`");
    return exit.done;
  }
  for (const { name, holder } of locked) {
    const { who, from, release, since } = holder;
    print(printable(`${name}: ${who} on ${from} is deploying ${release} since ${since}`));
  }
  mustBeApproved(session);
  if (!session.yes && !(await confirm("End it?"))) return exit.failed;

  const names = new Set(locked.map(({ name }) => name));
  const answers = await askHosts(
    { ...settings, hosts: settings.hosts.filter(({ name }) => names.has(name)) },
    (asked) =>
      runVerb(asked, unlockProgram(project, wait), {
        // After the wait it kills the deployment, and checks for another 30 seconds whether it has ended.
        timeout: (wait + 45) * 1000,
        onStderr: (text) => process.stderr.write(printable(text)),
      }),
  );
  const problems = problemsOf(answers);
  if (problems.length === 0) return exit.done;
  throw new Problems(problems);
}
