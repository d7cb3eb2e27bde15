import assert from "node:assert/strict";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Lab } from "../../lab/lab";
import { startLoad } from "../../lab/load";
import { ownLab } from "../faults/support/own-lab";
import { removeProjects } from "../faults/support/shop";
import { TestStack } from "../support/stack";
import { type Example, examples } from "./support/site";

describe("deployments of a service behind a proxy, under load", function () {
  this.timeout(600_000);
  let lab: Lab;
  ownLab("rollouts-up", async (ours) => {
    lab = ours;
  });

  /** Deploys version 1, then 2, then one that never gets healthy, then 3, under load; returns the load's report. */
  async function deployments(example: Example) {
    await using stack = await TestStack.create(lab, { app: path.join(__dirname, "../../examples", example) });
    await stack.configure({ strategy: "start-first" });
    const version = (text: string) => stack.write("web/version", `${text}\n`);
    const server = await stack.read("web/server.js");
    await stack.mustUp();
    // A machine that is slow makes requests late, but no rollout may make one fail.
    await using load = await startLoad(stack.host.url(8080), { timeout: 30 });
    await pause(1000);
    await version("2");
    await stack.mustUp();
    await stack.write("web/server.js", "process.exit(1);\n");
    const { status, output } = await stack.up();
    assert.notEqual(status, 0, "a broken version was deployed");
    assert.match(output, /web: /);
    await stack.write("web/server.js", server);
    await version("3");
    await stack.mustUp();
    await pause(1000);
    return load.stop();
  }

  beforeEach(() => removeProjects(lab.hosts[0]!));

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
