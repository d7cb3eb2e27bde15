import { readOwnSettings } from "./configuration";
import { removeAllConfig, setAllConfig } from "./pulumi/commands";
import { type ExitStatus, exit } from "./pulumi/outcome";
import { ask } from "./pulumi/run";
import type { Session } from "./session";
import { runUp } from "./up";

/** Values of the configuration by key; undefined means not set. */
type Values = Readonly<Record<string, string | undefined>>;

/**
 * Changes the configuration and deploys. If the deployment fails or is declined, the configuration is set back, so that
 * somebody else's next `up` does not carry it out.
 *
 * @param changes - undefined removes a value.
 */
export async function upWith(
  session: Session,
  changes: Values,
  deploy: () => Promise<ExitStatus> = () => runUp(session),
): Promise<ExitStatus> {
  if (Object.keys(changes).length === 0) return deploy();
  const before = await readOwnSettings(session, Object.keys(changes));
  const keys = Object.keys(changes).filter((key) => before[key] !== changes[key]);
  const of = (values: Values) => Object.fromEntries(keys.map((key) => [key, values[key]]));
  await write(session, of(changes));
  let status: ExitStatus | undefined;
  try {
    status = await deploy();
    return status;
  } finally {
    if (status !== exit.done) {
      await write(session, of(before));
      for (const key of keys)
        process.stderr.write(`everfresh:${key}: set back to what it was (${before[key] ?? "not set"})\n`);
    }
  }
}

async function write(session: Session, values: Values): Promise<void> {
  const set = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const unset = Object.keys(values).filter((key) => values[key] === undefined);
  if (set.length > 0) await ask(setAllConfig(session, Object.fromEntries(set)));
  if (unset.length > 0) await ask(removeAllConfig(session, unset));
}
