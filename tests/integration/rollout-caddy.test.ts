import assert from "node:assert/strict";
import { changeProxy, deployUnderLoad } from "./rollout-support/under-load";

describe("deployments of a service behind caddy, under load", function () {
  this.timeout(600_000);

  it("lose no GET, even if one of them fails; the proxy gets its new configuration afterwards", async () => {
    // Not under load: Caddy's reload can lose a request (examples/caddy/README.md).
    const failures = await deployUnderLoad("caddy", { afterLoad: changeProxy });
    // Without a health check, a POST can meet the old container as it closes its port (examples/caddy/README.md).
    assert.deepEqual(
      failures.filter(({ stream }) => stream !== "post"),
      [],
    );
  });
});
