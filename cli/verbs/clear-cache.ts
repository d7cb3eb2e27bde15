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
    `everfresh:fresh is ${value} now: every content hash is another one.`,
    "The next `everfresh deploy` builds every image without cache, and replaces what comes of it.",
    "Caches of `RUN --mount=type=cache` stay: `docker builder prune --filter type=exec.cachemount` empties them.",
    "Nothing was built yet. To take it back: `pulumi config rm everfresh:fresh`.",
  ]);
  return exit.done;
}
