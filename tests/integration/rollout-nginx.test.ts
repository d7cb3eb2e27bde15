import assert from "node:assert/strict";
import { changeProxy, deployUnderLoad } from "./rollout-support/under-load";

describe("deployments of a service behind nginx, under load", function () {
  this.timeout(600_000);

  it("lose no GET, even if one of them fails and the proxy gets another configuration", async () => {
    const failures = await deployUnderLoad("nginx", { duringLoad: changeProxy });
    // Without a health check, a POST can meet the old container as it closes its port (examples/nginx/README.md). It can also meet a
    // kept connection that nginx closes as it reloads.
    assert.deepEqual(
      failures.filter(({ stream }) => stream !== "post"),
      [],
    );
  });
});
