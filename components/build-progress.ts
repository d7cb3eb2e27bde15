import { readFileSync, watch } from "node:fs";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";

/** How many of the failing step's lines are shown. */
const shownOnFailure = 20;

/**
 * Passes a build's log on to the terminal while it grows (the provider itself streams nothing), and shows the failing
 * step's last lines when the build fails.
 *
 * @param log - the build's `buildLogFile`; it must not exist yet.
 */
export function followBuild(
  name: string,
  log: string,
  resource: pulumi.Resource,
): pulumi.ResourceHookBinding {
  let seen = 0;
  const show = () => {
    const text = readLog(log);
    const end = text.lastIndexOf("\n") + 1;
    if (end <= seen) return;
    const lines = text
      .slice(seen, end)
      .split("\n")
      .filter((line) => /^#\d+ (\[|\d|CACHED|ERROR)/.test(line));
    seen = end;
    // Ephemeral: a progress display that leaves nothing behind.
    for (const line of lines) void pulumi.log.info(line.replace(/^#\d+ /, ""), resource, undefined, true);
  };
  let watcher: ReturnType<typeof watch> | undefined;
  const stop = () => {
    watcher?.close();
    show();
  };
  return {
    beforeCreate: [
      () => {
        // Where the system can watch nothing more (ENOSPC, EMFILE) there is no progress; the build does not depend on it.
        try {
          watcher = watch(path.dirname(log), show);
          watcher.on("error", () => {});
          watcher.unref();
        } catch {}
      },
    ],
    afterCreate: [stop],
    onError: [
      new pulumi.ErrorHook(`${name}-build-failed`, async () => {
        stop();
        await pulumi.log.error(failure(name, readLog(log)), resource);
        return false;
      }),
    ],
  };
}

function readLog(log: string): string {
  try {
    return readFileSync(log, "utf8");
  } catch {
    return "";
  }
}

/**
 * The builder's own words: the last lines of the failing step, which stand between the log's last two rules, and the reasons
 * that it gives for steps. What is wrong with the Dockerfile as such (`COPY "a b" /x`) is said by the resource alone.
 */
function failure(name: string, log: string): string {
  const lines = log.trimEnd().split("\n");
  const end = lines.lastIndexOf("------");
  const start = end > 0 ? lines.lastIndexOf("------", end - 1) : -1;
  const step = start >= 0 ? lines.slice(start + 1, end) : [];
  const reasons = lines
    .filter((line) => /^(#\d+ )?error\b/i.test(line))
    .map((line) => line.replace(/^#\d+ /, ""));
  const said = [...step.slice(-shownOnFailure), ...reasons.slice(-shownOnFailure)];
  return said.length > 0
    ? [`${name}: the build failed; its last lines:`, ...said].join("\n")
    : `${name}: the build failed outside of its steps; see the error of \`${name}-build\` for the reason`;
}
