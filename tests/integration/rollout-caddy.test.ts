import assert from "node:assert/strict";
import { deployUnderLoad } from "./rollout-support/under-load";

describe("deployments of a service behind caddy, under load", function () {
  this.timeout(600_000);

  it("lose no GET, also where one of them fails", async () => {
    const { failures } = await deployUnderLoad("caddy");
    // Without a health check, a POST can meet the old container as it closes its port (examples/caddy/README.md).
    assert.deepEqual(
      failures.filter(({ stream }) => stream !== "post"),
      [],
    );
  });
});
