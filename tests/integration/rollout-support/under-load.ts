import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { type LoadReport, startLoad } from "../../../lab/load";
import { removeProjects } from "../../faults/support/shop";
import { lab } from "../../support/lab";
import { DeployedExample } from "./deployed";
import type { Example } from "./site";

/** Deploys version 2, one that never gets healthy, and version 3, under load. Every version must have answered. */
export async function deployUnderLoad(example: Example): Promise<LoadReport> {
  const shared = await lab();
  await removeProjects(shared.hosts[0]!);
  try {
    await using site = await DeployedExample.create(shared, example);
    // A slow machine makes requests late, but no rollout may make one fail.
    await using load = await startLoad(site.url, { rate: 100, timeout: 30 });
    await pause(1000);
    await site.deploy("2");
    await site.deployBroken();
    await site.deploy("3");
    await pause(1000);
    const report = await load.stop();
    const answers = report.hits.filter(({ error }) => !error).map(({ body }) => body);
    assert.deepEqual([...new Set(answers)], ["1", "2", "3"]);
    return report;
  } finally {
    await removeProjects(shared.hosts[0]!);
  }
}
