import assert from "node:assert/strict";
import { engine } from "../../lab/faults";
import { deploy, requestFor } from "../faults/support/shop";
import {
  cannotStart,
  dying,
  forever,
  oneShot,
  ownProject,
  type Service,
  sh,
  web,
} from "./host-support/services";

describe("a one-shot", function () {
  this.timeout(600_000);
  const shop = ownProject("one-shots");

  const migrate = oneShot("migrate");
  const waits = { depends_on: { migrate: { condition: "service_completed_successfully" } } };
  const api: Service = { init: true, command: sh(forever) };

  it("runs once in an `up`, before the service that waits for it is stopped, even if they share an image", async () => {
    await shop.deployed({ migrate: { ...migrate, page: "one" }, web: web("one", waits) });
    await shop.deployed({ migrate: { ...migrate, page: "two" }, web: web("two", waits) });
    assert.deepEqual(await shop.runs(), ["migrate", "migrate"]);
    const { migrate: ran, web: after } = await shop.containers();
    assert.ok(ran!.startedAt < after!.startedAt);
  });

  it("does not run again when other services change, come or go, or when its container was removed", async () => {
    await shop.deployed({ migrate, web: web("one", waits), api });
    const before = await shop.containers();
    await shop.deployed({ migrate, web: web("one", waits) });
    assert.deepEqual((await shop.containers()).web, before.web, "a service that waits for it is not touched");
    await shop.deployed({ migrate, web: web("two", waits), api });
    await engine(shop.host, "container", "prune", "-f");
    await shop.hasNoDrift();
    await shop.deployed({ migrate, web: web("two", waits), api });
    await shop.deployed({ migrate, web: web("one", waits), api: { ...api, environment: { A: "1" } } });
    assert.equal(
      (await shop.containers()).migrate,
      undefined,
      "nor does it get a container that was never started",
    );
    await shop.deployed({ migrate, web: web("one", { ...waits, environment: { A: "1" } }) });
    assert.deepEqual(await shop.runs(), ["migrate"]);
    await shop.hasNoDrift();
  });

  it("runs once for each change to it, and again in a rollback across one", async () => {
    const first = await shop.deployed({ migrate, web: web("one", waits) });
    await shop.deployed({ migrate: oneShot("changed"), web: web("one", waits) });
    assert.deepEqual(await shop.runs(), ["migrate", "changed"]);
    const back = await deploy(shop.host, requestFor(shop.lab, { kept: first.id, project: "shop" }));
    assert.equal(back.status, 0, back.stderr);
    assert.deepEqual(await shop.runs(), ["migrate", "changed", "migrate"]);
    await shop.hasNoDrift();
  });

  it("does not run again after a deployment that failed before reaching its change", async () => {
    const job = (name: string) => ({
      ...oneShot(name),
      depends_on: { api: { condition: "service_started" } },
    });
    await shop.deployed({ api, job: job("job") });
    await shop.fails({ api: cannotStart, job: job("changed") });
    await shop.fails({ api, job: { ...job("job"), command: ["/no/such"] } });
    await shop.deployed({ api: { ...api, environment: { A: "1" } }, job: job("job") });
    assert.deepEqual(await shop.runs(), ["job"]);
    await shop.hasNoDrift();
  });

  it("does not run again if it succeeded in a deployment that was put back, but does if it failed", async () => {
    const broken = dying("two", waits);
    await shop.deployed({ migrate, web: web("one", waits) });
    await shop.fails({ migrate: oneShot("changed"), web: broken });
    await shop.deployed({ migrate: oneShot("changed"), web: web("two", waits) });
    assert.deepEqual(await shop.runs(), ["migrate", "changed"]);
    await shop.fails({ migrate: oneShot("failing", "test -e /state/mended"), web: web("one", waits) });
    await shop.inState(": >/state/mended");
    await shop.deployed({ migrate: oneShot("failing", "test -e /state/mended"), web: web("one", waits) });
    assert.deepEqual(await shop.runs(), ["migrate", "changed", "failing", "failing"]);
  });

  it("runs only once even if no service waits for it", async () => {
    await shop.deployed({ migrate, api });
    await shop.deployed({ migrate, api: { ...api, environment: { A: "1" } } });
    assert.deepEqual(await shop.runs(), ["migrate"]);
    await shop.hasNoDrift();
  });
});
