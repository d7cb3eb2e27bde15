import { readSetting } from "./configuration";
import { removeConfig, setConfig } from "./pulumi/commands";
import { type ExitStatus, exit } from "./pulumi/outcome";
import { ask } from "./pulumi/run";
import type { Session } from "./session";
import { runUp } from "./verbs/deploy";

/**
 * Sets one value of the configuration and deploys. If the deployment fails or is declined, the configuration is set back, so
 * that somebody else's next `up` does not carry it out.
 *
 * @param value - undefined removes it.
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
      process.stderr.write(`everfresh:${key}: set back to what it was (${before ?? "not set"})\n`);
    }
  }
}
