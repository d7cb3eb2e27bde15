import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { LabHost } from "../../lab/lab";
import { startLoad } from "../../lab/load";
import { ownLab } from "../faults/support/own-lab";
import { plainCompose, type Rollout, type StartFirstOptions, startFirst } from "./support/rollouts";
import { bringUp, type Example, type SiteOptions } from "./support/site";

describe("a rollout behind a proxy, under load", function () {
  this.timeout(600_000);
  let host: LabHost;
  ownLab("rollout", async (lab) => {
    host = lab.hosts[0]!;
  });

  async function rolledOut(example: Example, rollout: Rollout, options: SiteOptions = {}) {
    const site = await bringUp(host, example, options);
    await using load = await startLoad(site.url);
    await pause(1000);
    for (const version of ["2", "1"]) {
      await rollout(site, version);
      await pause(1500);
    }
    const { hits, failures } = await load.stop();
    assert.equal(new Set(hits.filter(({ error }) => !error).map(({ body }) => body)).size, 2);
    return failures;
  }

  it("loses no request with haproxy when the new container starts first", async () => {
    assert.deepEqual(await rolledOut("haproxy", startFirst()), []);
  });

  // Without health checks, a POST can reach the old container as it closes its port (see the examples' READMEs).
  for (const example of ["nginx", "caddy"] as const) {
    it(`loses no GET with ${example} when the new container starts first`, async () => {
      const failures = await rolledOut(example, startFirst());
      assert.deepEqual(
        failures.filter(({ stream }) => stream !== "post"),
        [],
      );
    });
  }

  it("loses no request with haproxy when an app that cannot stop gracefully is drained before", async () => {
    const drained: StartFirstOptions = { drain: ["touch", "/tmp/draining"], drainFor: 4000 };
    const killed = { web: { stop_signal: "SIGKILL" } };
    assert.deepEqual(await rolledOut("haproxy", startFirst(drained), killed), []);
  });

  it("loses requests when compose replaces the container, so that these tests can fail", async () => {
    assert.notEqual((await rolledOut("haproxy", plainCompose)).length, 0);
  });
});
