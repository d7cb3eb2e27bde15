import assert from "node:assert/strict";
import { unlockStdin } from "../../core/host/program";
import type { Release } from "../../core/host/types";
import { engine } from "../../lab/faults";
import type { Lab, LabHost } from "../../lab/lab";
import { eventually } from "../../lab/poll";
import { ownLab } from "../faults/support/own-lab";
import {
  containersOf,
  deploy,
  type Images,
  inVolume,
  look,
  pushImages,
  releaseOf,
  removeContainers,
  requestFor,
  served,
} from "../faults/support/shop";
import { runOn } from "../faults/support/ssh";

const PROJECT = { project: "shop" };

/** A service of these tests: what `docker compose` is told of it beside its image, a page of `Images`. */
type Service = { page?: string; [key: string]: unknown };

const STATE = { volumes: ["state:/state"], stop_grace_period: "1s" };
const published = (port: number) => ({
  target: 80,
  published: String(port),
  protocol: "tcp",
  mode: "ingress",
});
const forever = "exec sleep 100000";
const sh = (script: string) => ["sh", "-c", script];
/** Notes in the volume that it ran, then does as told. */
const oneShot = (name: string, script = ""): Service => ({
  ...STATE,
  command: sh(`echo ${name} >>/state/runs; ${script}`),
  restart: "no",
});
const web = (page: string, more: object = {}): Service => ({
  ...STATE,
  page,
  init: true,
  restart: "unless-stopped",
  ports: [published(8080)],
  healthcheck: {
    test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/"],
    interval: "200ms",
    retries: 20,
  },
  ...more,
});
/** The same, which dies at once. */
const dying = (page: string, more: object = {}) =>
  web(page, { ...more, command: sh("exit 4"), restart: "no" });
/** Healthy as soon as /ok is there. */
const db = (version: string, script = "touch /ok"): Service => ({
  init: true,
  stop_grace_period: "1s",
  restart: "unless-stopped",
  command: sh(`echo ${version}; ${script}; ${forever}`),
  healthcheck: { test: ["CMD", "test", "-f", "/ok"], interval: "300ms", timeout: "2s", retries: 3 },
});
const cannotStart: Service = { ...db("new"), init: false, command: ["/no/such"] };

describe("the order of a deployment", function () {
  this.timeout(600_000);
  let lab: Lab;
  let host: LabHost;
  let images: Images;

  ownLab("order", async (ready) => {
    lab = ready;
    host = lab.hosts[0]!;
    images = await pushImages(lab, ["one", "two", "api"]);
  });

  let count = 0;
  const release = (services: Record<string, Service>, more: object = {}): Release =>
    releaseOf(images, `r${++count}`, {
      services: Object.fromEntries(
        Object.entries(services).map(([name, { page = "api", ...rest }]) => [name, { image: page, ...rest }]),
      ),
      volumes: { state: {} },
      ...more,
    });
  const deployed = async (services: Record<string, Service>, overrides = {}, more = {}) => {
    const made = release(services, more);
    const { status, stderr } = await deploy(host, requestFor(lab, made, overrides));
    assert.equal(status, 0, stderr);
    return { id: made.id, stderr };
  };
  const fails = async (services: Record<string, Service>, overrides = {}) => {
    const { status, stderr } = await deploy(host, requestFor(lab, release(services), overrides));
    assert.equal(status, 1, stderr);
    return stderr;
  };
  /** Who each service's container is and since when it runs. */
  const containers = async () =>
    Object.fromEntries((await containersOf(host)).map((container) => [container.service, container]));
  const inState = (script: string) => inVolume(host, "state", script);
  /** What the one-shots have noted, in turn. */
  const runs = async () => (await inState("cat /state/runs")).split("\n");
  const calm = async () => assert.deepEqual((await look(host)).drift, []);

  beforeEach(async () => {
    await removeContainers(host);
    await engine(host, "volume", "rm", "-f", "shop_state");
    await runOn(host, {
      command: "sh -s",
      stdin: "rm -rf ~/.everfresh",
    });
  });

  const waiting = (condition: string, more: object = {}) => ({ depends_on: { dep: { condition, ...more } } });

  describe("whatever a service waits for is so before its old container is touched", () => {
    const conditions: [
      condition: string,
      name: string,
      good: Service,
      changed: Service,
      broken: [string, Service, RegExp][],
    ][] = [
      [
        "service_completed_successfully",
        "a one-shot",
        oneShot("old", "test ! -e /state/dirty"),
        oneShot("new"),
        [
          ["fails", oneShot("new", "touch /state/dirty; exit 1"), /^dep: exited with status 1$/m],
          ["cannot be started", { ...oneShot("new"), command: ["/no/such"] }, /\/no\/such/],
        ],
      ],
      [
        "service_healthy",
        "a service that is to be healthy",
        db("old"),
        db("new"),
        [
          ["never gets healthy", db("new", "true"), /^dep: is unhealthy$/m],
          [
            "has no healthcheck",
            { ...db("new"), healthcheck: undefined },
            /^dep: has no healthcheck, and web waits until it is healthy$/m,
          ],
        ],
      ],
      [
        "service_started",
        "a service that is to be started",
        db("old"),
        db("new"),
        [["cannot be started", cannotStart, /\/no\/such/]],
      ],
    ];
    for (const [condition, name, good, changed, broken] of conditions) {
      describe(name, () => {
        for (const [how, dep, said] of broken) {
          it(`${how}: the old one is never touched, and what it waits for is put back`, async () => {
            const { id } = await deployed({ dep: good, web: web("one", waiting(condition)) });
            const before = await containers();
            const stderr = await fails({ dep, web: web("two", waiting(condition)) }, { healthTimeout: 6 });
            assert.match(stderr, said);
            assert.match(stderr, new RegExp(`\nrelease ${id} serves again\n$`));
            assert.deepEqual((await containers()).web, before.web);
            assert.equal(await served(host), "one");
            await calm();
            if (condition === "service_completed_successfully") {
              assert.equal((await runs()).filter((run) => run === "old").length, 1, "the old one ran once");
            }
          });
        }

        it("fails itself afterwards: it is put back, and nothing is run again", async () => {
          const { id } = await deployed({ dep: good, web: web("one", waiting(condition)) });
          const stderr = await fails(
            { dep: changed, web: dying("two", waiting(condition)) },
            { healthTimeout: 6 },
          );
          assert.match(stderr, new RegExp(`\nrelease ${id} serves again\n$`));
          assert.equal(await served(host), "one");
          await calm();
          if (condition === "service_completed_successfully") assert.deepEqual(await runs(), ["old", "new"]);
        });

        if (condition !== "service_started") {
          it("is told to stop meanwhile: the old one is never touched", async () => {
            const slow = condition === "service_healthy" ? db("new", "sleep 60") : oneShot("new", "sleep 60");
            const { id } = await deployed({ dep: good, web: web("one", waiting(condition)) });
            const before = await containers();
            const under = deploy(
              host,
              requestFor(lab, release({ dep: slow, web: web("two", waiting(condition)) }), {
                healthTimeout: 60,
              }),
            );
            await eventually("dep is the new one", async () => {
              const { dep } = await containers();
              return dep?.id !== before.dep!.id && dep?.state === "running";
            });
            await runOn(host, unlockStdin(PROJECT, 30));
            const { status, stderr } = await under;
            assert.equal(status, 1, stderr);
            assert.match(stderr, /the deployment was told to stop/);
            assert.match(stderr, new RegExp(`\nrelease ${id} serves again\n$`));
            assert.deepEqual((await containers()).web, before.web);
            await calm();
          });
        }

        if (condition === "service_healthy") {
          it("is as it should be: the service is recreated after it", async () => {
            await deployed({ dep: good, web: web("one", waiting(condition)) });
            await deployed({ dep: changed, web: web("two", waiting(condition)) });
            const { dep, web: after } = await containers();
            assert.ok(dep!.startedAt < after!.startedAt, `${dep!.startedAt} < ${after!.startedAt}`);
            assert.equal(await served(host), "two");
          });
        }
      });
    }

    it("through others that do not change: the old one is never touched", async () => {
      const between: Service = { ...db("between"), ...waiting("service_healthy") };
      const last = (page: string) => web(page, { depends_on: { between: { condition: "service_started" } } });
      const { id } = await deployed({ dep: db("old"), between, web: last("one") });
      const before = await containers();
      const stderr = await fails({ dep: db("new", "true"), between, web: last("two") }, { healthTimeout: 6 });
      assert.match(stderr, /^dep: is unhealthy$/m);
      assert.match(stderr, new RegExp(`\nrelease ${id} serves again\n$`));
      const after = await containers();
      assert.deepEqual([after.between, after.web], [before.between, before.web]);
      await calm();
    });

    it("that did not change but got sick: the old one is never touched", async () => {
      const waits = waiting("service_healthy");
      const { id } = await deployed({ dep: db("old"), web: web("one", waits) });
      const before = await containers();
      await engine(host, "exec", before.dep!.id, "busybox", "rm", "/ok");
      await eventually("dep is unhealthy", async () =>
        (await look(host)).containers.some(({ health }) => health === "unhealthy"),
      );
      const stderr = await fails({ dep: db("old"), web: web("two", waits) }, { healthTimeout: 4 });
      assert.match(stderr, /^dep: is unhealthy after 4 s$/m);
      assert.match(stderr, new RegExp(`\nrelease ${id} is back as it was; dep is unhealthy\n$`));
      assert.deepEqual(await containers(), before);
    });

    it("looks to docker compose as if it had done it by itself: it finds nothing to do", async () => {
      await deployed({ dep: db("old"), web: web("one", waiting("service_healthy", { restart: true })) });
      await deployed({ dep: db("new"), web: web("two", waiting("service_healthy", { restart: true })) });
      const before = await containers();
      const { status, stderr } = await runOn(host, {
        command: "sh -s",
        stdin:
          "cd ~/.everfresh/shop && docker compose -p shop --project-directory . -f current/compose.yaml up -d",
      });
      assert.equal(status, 0, stderr);
      assert.deepEqual(await containers(), before);
    });

    it("restarts what asks for it, but only for a dependency that works", async () => {
      const asks = waiting("service_healthy", { restart: true });
      const { id } = await deployed({ dep: db("old"), web: web("one", asks) });
      const before = await containers();
      const stderr = await fails({ dep: db("new", "true"), web: web("one", asks) });
      assert.match(stderr, new RegExp(`\nrelease ${id} serves again\n$`));
      const put = await containers();
      assert.equal(put.web!.id, before.web!.id);
      assert.ok(put.web!.startedAt > put.dep!.startedAt, "restarted with the one that was put back");
      assert.equal(await served(host), "one");
      await deployed({ dep: db("new"), web: web("one", asks) });
      const after = await containers();
      assert.equal(after.web!.id, before.web!.id);
      assert.ok(after.web!.startedAt > after.dep!.startedAt, "restarted once the new one was healthy");
    });
  });

  describe("a one-shot runs once, and again only when it changed", () => {
    const migrate = oneShot("migrate");
    const waits = { depends_on: { migrate: { condition: "service_completed_successfully" } } };
    const api: Service = { init: true, command: sh(forever) };

    it("that shares its image with the service that waits for it runs once in an `up`, before that is stopped", async () => {
      await deployed({ migrate: { ...migrate, page: "one" }, web: web("one", waits) });
      await deployed({ migrate: { ...migrate, page: "two" }, web: web("two", waits) });
      assert.deepEqual(await runs(), ["migrate", "migrate"]);
      const { migrate: ran, web: after } = await containers();
      assert.ok(ran!.startedAt < after!.startedAt);
    });

    it("does not run again when others change, come, go, or its container was removed", async () => {
      await deployed({ migrate, web: web("one", waits), api });
      const before = await containers();
      await deployed({ migrate, web: web("one", waits) });
      assert.deepEqual((await containers()).web, before.web, "a service that waits for it is not touched");
      await deployed({ migrate, web: web("two", waits), api });
      await engine(host, "container", "prune", "-f");
      await calm();
      await deployed({ migrate, web: web("two", waits), api });
      await deployed({ migrate, web: web("one", waits), api: { ...api, environment: { A: "1" } } });
      assert.equal(
        (await containers()).migrate,
        undefined,
        "nor does it get a container that was never started",
      );
      await deployed({ migrate, web: web("one", { ...waits, environment: { A: "1" } }) });
      assert.deepEqual(await runs(), ["migrate"]);
      await calm();
    });

    it("runs once for each change of its own, and in a rollback over it", async () => {
      const first = await deployed({ migrate, web: web("one", waits) });
      await deployed({ migrate: oneShot("changed"), web: web("one", waits) });
      assert.deepEqual(await runs(), ["migrate", "changed"]);
      const back = await deploy(host, requestFor(lab, { kept: first.id, project: "shop" }));
      assert.equal(back.status, 0, back.stderr);
      assert.deepEqual(await runs(), ["migrate", "changed", "migrate"]);
      await calm();
    });

    it("that nothing waits for does not run again after a deployment that failed before it got to its change", async () => {
      const job = (name: string) => ({
        ...oneShot(name),
        depends_on: { api: { condition: "service_started" } },
      });
      await deployed({ api, job: job("job") });
      await fails({ api: cannotStart, job: job("changed") });
      await fails({ api, job: { ...job("job"), command: ["/no/such"] } });
      await deployed({ api: { ...api, environment: { A: "1" } }, job: job("job") });
      assert.deepEqual(await runs(), ["job"]);
      await calm();
    });

    it("that ended well in a deployment that was put back does not run again in the next; one that failed does", async () => {
      const broken = dying("two", waits);
      await deployed({ migrate, web: web("one", waits) });
      await fails({ migrate: oneShot("changed"), web: broken });
      await deployed({ migrate: oneShot("changed"), web: web("two", waits) });
      assert.deepEqual(await runs(), ["migrate", "changed"]);
      await fails({ migrate: oneShot("failing", "test -e /state/mended"), web: web("one", waits) });
      await inState(": >/state/mended");
      await deployed({ migrate: oneShot("failing", "test -e /state/mended"), web: web("one", waits) });
      assert.deepEqual(await runs(), ["migrate", "changed", "failing", "failing"]);
    });

    it("that nobody waits for runs once as well", async () => {
      await deployed({ migrate, api });
      await deployed({ migrate, api: { ...api, environment: { A: "1" } } });
      assert.deepEqual(await runs(), ["migrate"]);
      await calm();
    });
  });

  describe("what only one container can have moves to another service", () => {
    const idle: Service = { init: true, command: sh(forever), stop_grace_period: "1s" };
    const named = { container_name: "the-one" };
    const owned = (service: string) => async () => (await containers())[service]!.id;
    const holder = async (name: string) => await engine(host, "inspect", "--format", "{{.Id}}", name);
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
        const first = await deployed(both(web("one", front), silent));
        const before = await containers();
        assert.equal(await served(host), "one");
        const stderr = await fails(both(mute, dying("two", back)));
        assert.match(stderr, new RegExp(`\nrelease ${first.id} serves again\n$`));
        assert.equal(await served(host), "one");
        await deployed(both(mute, web("two", back)));
        assert.equal(await served(host), "two");
        await deployed(both(web("one", front), silent));
        assert.equal(await served(host), "one");
        assert.deepEqual((await containers()).idle, before.idle, "only what holds it is stopped");
        await calm();
      });
    }

    it("a container's name", async () => {
      await deployed({ front: { ...idle, ...named }, back: idle });
      await deployed({ front: idle, back: { ...idle, ...named } });
      assert.equal(await holder("the-one"), await owned("back")());
      await deployed({ front: { ...idle, ...named } });
      assert.equal(await holder("the-one"), await owned("front")());
      await calm();
    });

    it("a fixed address in a network", async () => {
      const network = { networks: { net: { ipam: { config: [{ subnet: "172.31.250.0/24" }] } } } };
      const at = (address: string): Service => ({ ...idle, networks: { net: { ipv4_address: address } } });
      const anywhere: Service = { ...idle, networks: { net: {} } };
      await deployed({ front: at("172.31.250.7"), back: anywhere }, {}, network);
      await deployed({ front: anywhere, back: at("172.31.250.7") }, {}, network);
      await deployed({ front: at("172.31.250.7"), back: anywhere }, {}, network);
      await calm();
    });
  });

  describe("a service without a healthcheck", () => {
    const dies = { healthcheck: undefined, restart: "always", command: sh("sleep 3; echo died >&2; exit 1") };

    it("that dies after three seconds is red, with its last words", async () => {
      const { id } = await deployed({ web: web("one") });
      const stderr = await fails({ web: web("two", dies) }, { settle: 10, healthTimeout: 4 });
      assert.match(
        stderr,
        /^web: (does not stay up \(restarted \d+ times?\)|is restarting) after 4 s\n {2}\| died/m,
      );
      assert.match(stderr, new RegExp(`\nrelease ${id} serves again\n$`));
    });

    it("that dies later is told by whoever looks", async () => {
      await deployed({ web: web("one", { ...dies, command: sh("sleep 6; exit 1") }) }, { settle: 1 });
      await eventually("a restart is told", async () =>
        (await look(host)).notes.some((note) => /^web restarted \d+ times? since it was proved$/.test(note)),
      );
      await calm();
    });
  });

  describe("what it says of what serves", () => {
    const tooMuch = (services: Record<string, Service>) =>
      requestFor(lab, release({ ...services, other: { page: "nobody/has:this" } }));

    it("is that nothing of it runs when that is so", async () => {
      const { id } = await deployed({
        web: web("one"),
        api: { init: true, command: sh(forever), stop_grace_period: "1s" },
      });
      const untouched = await deploy(host, tooMuch({ web: web("two") }));
      assert.match(untouched.stderr, new RegExp(`\nrelease ${id} serves, untouched\n$`));
      const { web: serving } = await containers();
      await engine(host, "stop", serving!.id);
      const stopped = await deploy(host, tooMuch({ web: web("two") }));
      assert.match(stopped.stderr, new RegExp(`\nrelease ${id} was not touched; web is exited\n$`));
      await engine(host, "rm", serving!.id);
      const gone = await deploy(host, tooMuch({ web: web("two") }));
      assert.match(gone.stderr, new RegExp(`\nrelease ${id} was not touched; web is missing\n$`));
    });
  });
});
