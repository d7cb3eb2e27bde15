import { defaultEngine } from "../../../lab/engines";
import { down, type Lab, up } from "../../../lab/lab";
import { engineFor } from "../../support/lab";

/**
 * A lab for the tests of one describe block, of this process alone: two test runs side by side do not meet. It is removed
 * when they are through, unless EVERFRESH_KEEP_LAB is set.
 *
 * @param options.engine what its hosts run, unless EVERFRESH_ENGINE names another.
 */
export function ownLab(
  name: string,
  ready: (lab: Lab) => Promise<void>,
  { hosts = 1, engine = defaultEngine } = {},
): void {
  const unique = `${name}-${process.pid}`;
  before(async () => ready(await up({ name: unique, hosts, ...engineFor(engine) })));
  after(async () => {
    if (!process.env.EVERFRESH_KEEP_LAB) await down(unique);
  });
}
