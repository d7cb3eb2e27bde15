import { mustFollowWorkingTree, readSetting } from "../configuration";
import { mustBeDeployable } from "../deployable";
import { removeConfig, setConfig } from "../pulumi/commands";
import { type ExitStatus, exit } from "../pulumi/outcome";
import { ask } from "../pulumi/run";
import type { Session } from "../session";
import { print } from "../terminal";
import { runUp } from "./deploy";

/** Recreates every container although nothing changed. */
export async function redeploy(session: Session): Promise<ExitStatus> {
  await mustBeDeployable(session);
  await mustFollowWorkingTree(session, "redeploy");
  return upWith(session, "forceRecreate", nonce());
}

/** Makes the next deployment build everything without any cache. */
export async function clearCache(session: Session): Promise<ExitStatus> {
  const value = nonce();
  await ask(setConfig(session, "fresh", value));
  print([
    `everfresh:fresh is ${value} now: every content hash is another one.`,
    "The next `everfresh deploy` builds every image without cache, and replaces what comes of it.",
    "Caches of `RUN --mount=type=cache` stay: `docker builder prune --filter type=exec.cachemount` empties them.",
    "Nothing was built yet. To take it back: `pulumi config rm everfresh:fresh`.",
  ]);
  return exit.done;
}

/** A value that was never there before, and says when it was made. */
const nonce = () => new Date().toISOString();

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
