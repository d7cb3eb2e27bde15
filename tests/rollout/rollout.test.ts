import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { Lab } from "../../lab/lab";
import { startLoad } from "../../lab/load";
import { ownLab } from "../faults/support/own-lab";
import { removeProjects } from "../faults/support/shop";
import { DeployedExample } from "./support/deployed";
import { type Example, examples } from "./support/site";

describe("deployments of a service behind a proxy, under load", function () {
  this.timeout(600_000);
  let lab: Lab;
  ownLab("rollouts-up", async (ours) => {
    lab = ours;
  });
  beforeEach(() => removeProjects(lab.hosts[0]!));

  async function deployments(example: Example) {
    await using site = await DeployedExample.create(lab, example);
    // A slow machine makes requests late, but no rollout may make one fail.
    await using load = await startLoad(site.url, { timeout: 30 });
    await pause(1000);
    await site.deploy("2");
    await site.deployBroken();
    await site.deploy("3");
    await pause(1000);
    return load.stop();
  }

  for (const example of examples) {
    const spared = example === "haproxy" ? "no request" : "no GET";
    it(`lose ${spared} with ${example}, also where one of them fails`, async () => {
      const { hits, failures } = await deployments(example);
      assert.deepEqual(
        failures.filter(({ stream }) => example === "haproxy" || stream !== "post"),
        [],
      );
      const answers = hits.filter(({ error }) => !error).map(({ body }) => body);
      assert.deepEqual([...new Set(answers)], ["1", "2", "3"]);
    });
  }
});
