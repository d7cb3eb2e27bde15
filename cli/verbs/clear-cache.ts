import { setConfig } from "../pulumi/commands";
import { type ExitStatus, exit } from "../pulumi/outcome";
import { ask } from "../pulumi/run";
import type { Session } from "../session";
import { print } from "../terminal";

/** Makes the next deployment build everything without any cache. */
export async function clearCache(session: Session): Promise<ExitStatus> {
  const value = new Date().toISOString();
  await ask(setConfig(session, "fresh", value));
  print([
    `everfresh:fresh is now ${value}: every content hash changes.`,
    "The next `everfresh deploy` builds every image without cache, and replaces the containers that use them.",
    "Caches of `RUN --mount=type=cache` stay: `docker builder prune --filter type=exec.cachemount` empties them.",
    "Nothing has been built yet. To undo this: `pulumi config rm everfresh:fresh`.",
  ]);
  return exit.done;
}
