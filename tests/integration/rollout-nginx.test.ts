import assert from "node:assert/strict";
import { deployUnderLoad } from "./rollout-support/under-load";

describe("deployments of a service behind nginx, under load", function () {
  this.timeout(600_000);

  it("lose no GET, also where one of them fails, and where the proxy reloads", async () => {
    const { deployments, reload } = await deployUnderLoad("nginx");
    // Without a health check, a POST can meet the old container as it closes its port (examples/nginx/README.md). A kept connection that
    // nginx closes as it reloads can be met by one, too.
    assert.deepEqual(
      [...deployments, ...reload].filter(({ stream }) => stream !== "post"),
      [],
    );
  });
});
