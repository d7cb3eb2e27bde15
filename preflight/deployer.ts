import os from "node:os";
import { excerpt } from "../core/printable";

/** The facts it is made from; tests replace them. */
interface Machine {
  user(): string;
  uid?: number;
  environment: Readonly<Record<string, string | undefined>>;
  hostname(): string;
}

const thisMachine = (): Machine => ({
  user: () => os.userInfo().username,
  uid: process.getuid?.(),
  environment: process.env,
  hostname: () => os.hostname(),
});

/**
 * Who deploys, and from which machine, each as one line that a host can store. In a container, the user may have only a
 * number without a name.
 */
export function deployer(machine = thisMachine()): { who: string; from: string } {
  const { environment, uid = "unknown" } = machine;
  const who = attempt(machine.user) || environment.USER || environment.LOGNAME || `uid ${uid}`;
  return { who: excerpt(who), from: excerpt(attempt(machine.hostname) || "unknown") };
}

function attempt(ask: () => string): string | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
