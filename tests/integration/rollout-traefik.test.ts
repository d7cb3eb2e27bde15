import assert from "node:assert/strict";
import { deployUnderLoad } from "./rollout-support/under-load";

describe("deployments of a service behind traefik, under load", function () {
  this.timeout(600_000);

  it("lose no request, even if one of them fails", async () => {
    assert.deepEqual(await deployUnderLoad("traefik", {}), []);
  });
});
