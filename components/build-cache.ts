import * as pulumi from "@pulumi/pulumi";
import type { Outside } from "../adapters/outside";
import { buildsSomething, type Plan } from "../core/release/plan";

/** A context that was sent helps only builds of the same content, so it is kept for a day. The rest survives a holiday. */
const RULES = [
  { hours: 24, kind: "source.local", what: "contexts sent more than a day ago" },
  { hours: 240, kind: undefined, what: "entries unused for 10 days" },
];

/**
 * Removes old build cache after a build, once all of `deployed` is proved. Reports what was freed, but no failure, because
 * nothing depends on it.
 *
 * @returns `deployed`.
 */
export function tidyBuildCache<T>(
  plan: Plan,
  deployed: pulumi.Input<T>,
  { pruneBuildCache }: Pick<Outside, "pruneBuildCache">,
): pulumi.Output<pulumi.Unwrap<T>> {
  const all = pulumi.output(deployed);
  if (!buildsSomething(plan) || pulumi.runtime.isDryRun()) return all;
  return all.apply(async (results) => {
    for (const { hours, kind, what } of RULES) {
      const freed = await pruneBuildCache(hours, kind).catch(() => undefined);
      if (freed) void pulumi.log.info(`build cache: ${freed} freed, ${what}`);
    }
    return results;
  }) as pulumi.Output<pulumi.Unwrap<T>>;
}
