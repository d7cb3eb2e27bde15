import assert from "node:assert/strict";
import { statusOf } from "../../../../core/host/status";
import { calm, empty, OTHER_DIGEST, WEB_DIGEST, withContainer } from "./states";

describe("statusOf", () => {
  const web = (state = calm()) => statusOf(state).services.find(({ service }) => service === "web")!;

  it("reports for each service what is expected, what runs and whether it is proved", () => {
    const status = statusOf(calm());
    assert.equal(status.release, "r1");
    assert.equal(status.who, "ann");
    assert.deepEqual(
      status.services.map(({ service, health, proved }) => [service, health, proved]),
      [
        ["web", "running", true],
        ["db", "running", true],
        ["migrate", "exited", true],
      ],
    );
    assert.equal(web().expected, WEB_DIGEST);
    assert.equal(web().running, WEB_DIGEST);
  });

  it("does not call a service proved if it is unhealthy, missing, a different image, or newly configured", () => {
    assert.equal(web(withContainer("web", { health: "unhealthy" })).proved, false);
    assert.equal(web(withContainer("web", { configHash: "x" })).proved, false);
    assert.equal(web(withContainer("web", { state: "exited" })).proved, false);
    const other = web(withContainer("web", { digests: [OTHER_DIGEST] }));
    assert.deepEqual([other.running, other.proved], [OTHER_DIGEST, false]);
    const gone = web(withContainer("web", undefined));
    assert.deepEqual([gone.health, gone.proved, gone.container], ["missing", false, undefined]);
  });

  it("has no services if nothing is deployed", () => {
    const status = statusOf(empty());
    assert.deepEqual(
      [status.release, status.services, status.drift],
      [undefined, [], ["nothing is deployed"]],
    );
  });
});
