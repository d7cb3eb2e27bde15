import assert from "node:assert/strict";
import { unlockProgram } from "../../core/host/requests";
import { engine } from "../../lab/faults";
import { eventually } from "../../lab/poll";
import { deploy, look, requestFor, served } from "../faults/support/shop";
import { runOn } from "../faults/support/ssh";
import {
  cannotStart,
  db,
  dying,
  idle,
  oneShot,
  ownProject,
  type Service,
  web,
} from "./host-support/services";

const PROJECT = { project: "shop" };

describe("the order of a deployment", function () {
  this.timeout(600_000);
  const shop = ownProject("order");

  const waiting = (condition: string, more: object = {}) => ({ depends_on: { dep: { condition, ...more } } });

  describe("a service with dependencies", () => {
    const conditions: [
      condition: string,
      name: string,
      good: Service,
      changed: Service,
      broken: [string, Service, RegExp][],
    ][] = [
      [
        "service_completed_successfully",
        "that waits for a one-shot",
        oneShot("old", "test ! -e /state/dirty"),
        oneShot("new"),
        [
          ["fails", oneShot("new", "touch /state/dirty; exit 1"), /^dep: exited with status 1$/m],
          ["cannot be started", { ...oneShot("new"), command: ["/no/such"] }, /\/no\/such/],
        ],
      ],
      [
        "service_healthy",
        "that waits until another is healthy",
        db("old"),
        db("new"),
        [
          ["never becomes healthy", db("new", "true"), /^dep: is unhealthy$/m],
          [
            "has no healthcheck",
            { ...db("new"), healthcheck: undefined },
            /^dep: has no healthcheck, but web waits until it is healthy$/m,
          ],
        ],
      ],
      [
        "service_started",
        "that waits until another is started",
        db("old"),
        db("new"),
        [["cannot be started", cannotStart, /\/no\/such/]],
      ],
    ];
    for (const [condition, name, good, changed, broken] of conditions) {
      describe(name, () => {
        for (const [how, dep, said] of broken) {
          it(`keeps its old container when its dependency ${how}, and the dependency is put back`, async () => {
            const { id } = await shop.deployed({ dep: good, web: web("one", waiting(condition)) });
            const before = await shop.containers();
            const stderr = await shop.fails(
              { dep, web: web("two", waiting(condition)) },
              { healthTimeout: 6 },
            );
            assert.match(stderr, said);
            assert.match(stderr, new RegExp(`\nrelease ${id} serves again\n$`));
            assert.deepEqual((await shop.containers()).web, before.web);
            assert.equal(await served(shop.host), "one");
            await shop.hasNoDrift();
            if (condition === "service_completed_successfully") {
              assert.equal(
                (await shop.runs()).filter((run) => run === "old").length,
                1,
                "the old one ran once",
              );
            }
          });
        }

        it("is put back when it fails itself, without running a one-shot again", async () => {
          const { id } = await shop.deployed({ dep: good, web: web("one", waiting(condition)) });
          const stderr = await shop.fails(
            { dep: changed, web: dying("two", waiting(condition)) },
            { healthTimeout: 6 },
          );
          assert.match(stderr, new RegExp(`\nrelease ${id} serves again\n$`));
          assert.equal(await served(shop.host), "one");
          await shop.hasNoDrift();
          if (condition === "service_completed_successfully")
            assert.deepEqual(await shop.runs(), ["old", "new"]);
        });

        if (condition !== "service_started") {
          it("keeps its old container when the deployment is told to stop while it waits", async () => {
            const slow = condition === "service_healthy" ? db("new", "sleep 60") : oneShot("new", "sleep 60");
            const { id } = await shop.deployed({ dep: good, web: web("one", waiting(condition)) });
            const before = await shop.containers();
            const under = deploy(
              shop.host,
              requestFor(shop.lab, shop.release({ dep: slow, web: web("two", waiting(condition)) }), {
                healthTimeout: 60,
              }),
            );
            await eventually("dep is the new one", async () => {
              const { dep } = await shop.containers();
              return dep?.id !== before.dep!.id && dep?.state === "running";
            });
            await runOn(shop.host, unlockProgram(PROJECT, 30));
            const { status, stderr } = await under;
            assert.equal(status, 1, stderr);
            assert.match(stderr, /the deployment was told to stop/);
            assert.match(stderr, new RegExp(`\nrelease ${id} serves again\n$`));
            assert.deepEqual((await shop.containers()).web, before.web);
            await shop.hasNoDrift();
          });
        }

        if (condition === "service_healthy") {
          it("is recreated only after its dependency", async () => {
            await shop.deployed({ dep: good, web: web("one", waiting(condition)) });
            await shop.deployed({ dep: changed, web: web("two", waiting(condition)) });
            const { dep, web: after } = await shop.containers();
            assert.ok(dep!.startedAt < after!.startedAt, `${dep!.startedAt} < ${after!.startedAt}`);
            assert.equal(await served(shop.host), "two");
          });
        }
      });
    }

    it("keeps its old container when an indirect dependency never becomes healthy", async () => {
      const between: Service = { ...db("between"), ...waiting("service_healthy") };
      const last = (page: string) => web(page, { depends_on: { between: { condition: "service_started" } } });
      const { id } = await shop.deployed({ dep: db("old"), between, web: last("one") });
      const before = await shop.containers();
      const stderr = await shop.fails(
        { dep: db("new", "true"), between, web: last("two") },
        { healthTimeout: 6 },
      );
      assert.match(stderr, /^dep: is unhealthy$/m);
      assert.match(stderr, new RegExp(`\nrelease ${id} serves again\n$`));
      const after = await shop.containers();
      assert.deepEqual([after.between, after.web], [before.between, before.web]);
      await shop.hasNoDrift();
    });

    it("keeps its old container when its dependency is unchanged but unhealthy", async () => {
      const waits = waiting("service_healthy");
      const { id } = await shop.deployed({ dep: db("old"), web: web("one", waits) });
      const before = await shop.containers();
      await engine(shop.host, "exec", before.dep!.id, "busybox", "rm", "/ok");
      await eventually("dep is unhealthy", async () =>
        (await look(shop.host)).containers.some(({ health }) => health === "unhealthy"),
      );
      const stderr = await shop.fails({ dep: db("old"), web: web("two", waits) }, { healthTimeout: 4 });
      assert.match(stderr, /^dep: is unhealthy after 4 s$/m);
      assert.match(stderr, new RegExp(`\nrelease ${id} is back as it was; dep is unhealthy\n$`));
      assert.deepEqual(await shop.containers(), before);
    });

    it("matches what docker compose would have made: a plain `up` afterwards changes nothing", async () => {
      await shop.deployed({ dep: db("old"), web: web("one", waiting("service_healthy", { restart: true })) });
      await shop.deployed({ dep: db("new"), web: web("two", waiting("service_healthy", { restart: true })) });
      const before = await shop.containers();
      const { status, stderr } = await runOn(shop.host, {
        command: "sh -s",
        stdin:
          "cd ~/.everfresh/shop && docker compose -p shop --project-directory . -f current/compose.yaml up -d",
      });
      assert.equal(status, 0, stderr);
      assert.deepEqual(await shop.containers(), before);
    });

    it("is restarted with a dependency if it asks for that, but only once the dependency is healthy", async () => {
      const asks = waiting("service_healthy", { restart: true });
      const { id } = await shop.deployed({ dep: db("old"), web: web("one", asks) });
      const before = await shop.containers();
      const stderr = await shop.fails({ dep: db("new", "true"), web: web("one", asks) });
      assert.match(stderr, new RegExp(`\nrelease ${id} serves again\n$`));
      const put = await shop.containers();
      assert.equal(put.web!.id, before.web!.id);
      assert.ok(put.web!.startedAt > put.dep!.startedAt, "restarted with the one that was put back");
      assert.equal(await served(shop.host), "one");
      await shop.deployed({ dep: db("new"), web: web("one", asks) });
      const after = await shop.containers();
      assert.equal(after.web!.id, before.web!.id);
      assert.ok(after.web!.startedAt > after.dep!.startedAt, "restarted once the new one was healthy");
    });
  });

  describe("a deployment moves to another service", () => {
    const named = { container_name: "the-one" };
    const owned = (service: string) => async () => (await shop.containers())[service]!.id;
    const holder = async (name: string) => await engine(shop.host, "inspect", "--format", "{{.Id}}", name);
    const orders: [string, object, object][] = [
      ["to one that depends on it", {}, { depends_on: { front: { condition: "service_started" } } }],
      ["to one that it depends on", { depends_on: { back: { condition: "service_started" } } }, {}],
    ];
    for (const [name, frontNeeds, backNeeds] of orders) {
      it(`a published port, ${name}, and back when that fails`, async () => {
        const front = { ...frontNeeds };
        const back = { ...backNeeds };
        const { ports, ...silent } = web("two", back);
        const { ports: _, ...mute } = web("one", front);
        // In dependency order.
        const both = (frontService: Service, backService: Service) =>
          name === "to one that it depends on"
            ? { back: backService, front: frontService, idle }
            : { front: frontService, back: backService, idle };
        const first = await shop.deployed(both(web("one", front), silent));
        const before = await shop.containers();
        assert.equal(await served(shop.host), "one");
        const stderr = await shop.fails(both(mute, dying("two", back)));
        assert.match(stderr, new RegExp(`\nrelease ${first.id} serves again\n$`));
        assert.equal(await served(shop.host), "one");
        await shop.deployed(both(mute, web("two", back)));
        assert.equal(await served(shop.host), "two");
        await shop.deployed(both(web("one", front), silent));
        assert.equal(await served(shop.host), "one");
        assert.deepEqual((await shop.containers()).idle, before.idle, "only what holds it is stopped");
        await shop.hasNoDrift();
      });
    }

    it("a container's name", async () => {
      await shop.deployed({ front: { ...idle, ...named }, back: idle });
      await shop.deployed({ front: idle, back: { ...idle, ...named } });
      assert.equal(await holder("the-one"), await owned("back")());
      await shop.deployed({ front: { ...idle, ...named } });
      assert.equal(await holder("the-one"), await owned("front")());
      await shop.hasNoDrift();
    });

    it("a fixed address in a network", async () => {
      const network = { networks: { net: { ipam: { config: [{ subnet: "172.31.250.0/24" }] } } } };
      const at = (address: string): Service => ({ ...idle, networks: { net: { ipv4_address: address } } });
      const anywhere: Service = { ...idle, networks: { net: {} } };
      await shop.deployed({ front: at("172.31.250.7"), back: anywhere }, {}, network);
      await shop.deployed({ front: anywhere, back: at("172.31.250.7") }, {}, network);
      await shop.deployed({ front: at("172.31.250.7"), back: anywhere }, {}, network);
      await shop.hasNoDrift();
    });
  });
});
