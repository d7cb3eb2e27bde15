import * as pulumi from "@pulumi/pulumi";
import { pruneBuildCache } from "../adapters/engine";
import type { Facts } from "../preflight";

/** Ten days: a holiday, and a build after it is quick all the same. */
const UNUSED_HOURS = 240;

/**
 * Removes build cache that nothing has used for long, once something was built and all of `deployed` is proved. What was
 * freed is reported; a failure is not, as nothing depends on it.
 *
 * @returns what was deployed.
 */
export function tidyBuildCache<T>(
  { contents }: Facts,
  deployed: pulumi.Input<T>,
): pulumi.Output<pulumi.Unwrap<T>> {
  const all = pulumi.output(deployed);
  const built = Object.values(contents).some(
    ({ cause, found }) => cause !== undefined && found === undefined,
  );
  if (!built || pulumi.runtime.isDryRun()) return all;
  return all.apply(async (results) => {
    const freed = await pruneBuildCache(UNUSED_HOURS).catch(() => undefined);
    if (freed)
      void pulumi.log.info(
        `build cache: ${freed} that nothing had used for ${UNUSED_HOURS / 24} days removed`,
      );
    return results;
  }) as pulumi.Output<pulumi.Unwrap<T>>;
}
