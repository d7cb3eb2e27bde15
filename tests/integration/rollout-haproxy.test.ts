import assert from "node:assert/strict";
import { breakProxy, changeProxy, deployUnderLoad } from "./rollout-support/under-load";

describe("deployments of a service behind haproxy, under load", function () {
  this.timeout(600_000);

  it("lose no request, even if one of them fails and the proxy gets another configuration", async () => {
    const failures = await deployUnderLoad("haproxy", {
      duringLoad: async (site) => {
        await breakProxy(site);
        await changeProxy(site);
      },
    });
    assert.deepEqual(failures, []);
  });
});
