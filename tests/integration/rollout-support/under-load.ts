import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { type Hit, startLoad } from "../../../lab/load";
import { removeProjects } from "../../faults/support/shop";
import { lab } from "../../support/lab";
import { DeployedExample } from "./deployed";
import type { Example } from "./site";

/** The requests that failed. */
export interface Failures {
  /** While version 2 was deployed, then one that never gets healthy, then version 3. */
  deployments: Hit[];
  /** While a broken configuration of the proxy was refused, and a valid one loaded. */
  reload: Hit[];
}

/**
 * Deploys an example again and again under load. Every version must have answered, and the proxy must have kept its container.
 */
export async function deployUnderLoad(example: Example): Promise<Failures> {
  const shared = await lab();
  await removeProjects(shared.hosts[0]!);
  try {
    await using site = await DeployedExample.create(shared, example);
    const deployments = await underLoad(site, async () => {
      await site.deploy("2");
      await site.deployBroken();
      await site.deploy("3");
    });
    const answers = deployments.hits.filter(({ error }) => !error).map(({ body }) => body);
    assert.deepEqual([...new Set(answers)], ["1", "2", "3"]);

    const { proxy } = await site.stack.containers();
    const reload = await underLoad(site, async () => {
      assert.match(await site.breakProxy(), /proxy: check of its new files: .* exited with status 1/);
      assert.match(await site.changeProxy(), /reload proxy/);
    });
    assert.deepEqual((await site.stack.containers()).proxy, proxy);
    return { deployments: deployments.failures, reload: reload.failures };
  } finally {
    await removeProjects(shared.hosts[0]!);
  }
}

async function underLoad(site: DeployedExample, change: () => Promise<void>) {
  // A slow machine makes requests late, but no change may make one fail.
  await using load = await startLoad(site.url, { rate: 100, timeout: 30 });
  await pause(1000);
  await change();
  await pause(1000);
  return await load.stop();
}
