import { readFileSync, watch } from "node:fs";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";

/** How many lines of the failing step are shown. */
const shownOnFailure = 20;

/**
 * Shows a build's log on the terminal as it grows, because the provider streams nothing, and the failing step's last lines
 * if the build fails.
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
    // Ephemeral: shown as progress and not kept.
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
        // If the system has no watch left (ENOSPC, EMFILE), no progress is shown. The build does not depend on it.
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
 * The builder's own words: the last lines of the failing step, which are between the log's last two rules, and the reasons
 * for steps that failed. Errors in the Dockerfile itself (`COPY "a b" /x`) are not in the log; the resource reports them.
 */
function failure(name: string, log: string): string {
  const lines = log.trimEnd().split("\n");
  const end = lines.lastIndexOf("------");
  const start = end > 0 ? lines.lastIndexOf("------", end - 1) : -1;
  const step = start >= 0 ? lines.slice(start + 1, end) : [];
  const reasons = lines
    .filter((line) => /^(#\d+ )?error\b/i.test(line))
    .map((line) => line.replace(/^#\d+ /, ""));
  const shown = [...step.slice(-shownOnFailure), ...reasons.slice(-shownOnFailure)];
  return shown.length > 0
    ? [`${name}: the build failed; its last lines:`, ...shown].join("\n")
    : `${name}: the build failed outside of its steps; see the error of \`${name}-build\` for the reason`;
}
