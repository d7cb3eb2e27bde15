import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { type Hit, startLoad } from "../../../lab/load";
import { removeProjects } from "../../faults/support/shop";
import { lab } from "../../support/lab";
import { DeployedExample } from "./deployed";
import type { Example } from "./site";

/**
 * Deploys an example under load: version 2, one that never gets healthy, and version 3. Every version must have answered.
 *
 * @param duringLoad - what else happens under the load.
 * @param afterLoad - what happens after it.
 * @returns the requests that failed.
 */
export async function deployUnderLoad(
  example: Example,
  { duringLoad, afterLoad }: { duringLoad?: Step; afterLoad?: Step },
): Promise<Hit[]> {
  const shared = await lab();
  await removeProjects(shared.hosts[0]!);
  try {
    await using site = await DeployedExample.create(shared, example);
    // A slow machine makes requests late, but no rollout may make one fail.
    await using load = await startLoad(site.url, { rate: 40, timeout: 30 });
    await pause(1000);
    await site.deploy("2");
    await site.deployBroken();
    await site.deploy("3");
    await duringLoad?.(site);
    await pause(1000);
    const { hits, failures } = await load.stop();
    const answers = hits.filter(({ error }) => !error).map(({ body }) => body);
    assert.deepEqual([...new Set(answers)], ["1", "2", "3"]);
    await afterLoad?.(site);
    return failures;
  } finally {
    await removeProjects(shared.hosts[0]!);
  }
}

type Step = (site: DeployedExample) => Promise<void>;

/** Deploys a broken configuration of the proxy, which must be refused. */
export async function breakProxy(site: DeployedExample): Promise<void> {
  const before = await site.proxy();
  assert.match(await site.breakProxy(), /proxy: check of its new files: .* exited with status 1/);
  assert.deepEqual(await site.proxy(), before);
}

/** Deploys another configuration of the proxy, which must keep its container. */
export async function changeProxy(site: DeployedExample): Promise<void> {
  const before = await site.proxy();
  assert.match(await site.changeProxy(), /reload proxy/);
  assert.deepEqual(await site.proxy(), before);
}
