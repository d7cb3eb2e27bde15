import { readSetting } from "./configuration";
import { removeConfig, setConfig } from "./pulumi/commands";
import { type ExitStatus, exit } from "./pulumi/outcome";
import { ask } from "./pulumi/run";
import type { Session } from "./session";
import { runUp } from "./verbs/deploy";

/**
 * Sets one value of the configuration and deploys. A deployment that fails, or is declined, leaves the configuration as it was:
 * nothing waits there to happen with somebody else's next `up`.
 *
 * @param value - undefined: not set.
 */
export async function upWith(session: Session, key: string, value: string | undefined): Promise<ExitStatus> {
  const before = await readSetting(session, key);
  const set = (value: string | undefined) =>
    ask(value === undefined ? removeConfig(session, key) : setConfig(session, key, value));
  if (before !== value) await set(value);
  let status: ExitStatus | undefined;
  try {
    status = await runUp(session);
    return status;
  } finally {
    if (status !== exit.done && before !== value) {
      await set(before);
      process.stderr.write(`everfresh:${key}: is as it was before (${before ?? "not set"})\n`);
    }
  }
}
