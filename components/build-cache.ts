import * as pulumi from "@pulumi/pulumi";
import type { Outside } from "../adapters/outside";
import { buildsSomething, type Plan } from "../core/release/plan";

/** A context as it was sent is of use to its very content alone: a day. The rest: a holiday, and a quick build after it. */
const RULES = [
  { hours: 24, kind: "source.local", what: "contexts that were sent more than a day ago" },
  { hours: 240, kind: undefined, what: "what nothing had used for 10 days" },
];

/**
 * Removes build cache that nothing has used for long, once something was built and all of `deployed` is proved. What was
 * freed is reported; a failure is not, as nothing depends on it.
 *
 * @returns what was deployed.
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
