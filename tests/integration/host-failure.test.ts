import assert from "node:assert/strict";
import { engine, exec } from "../../lab/faults";
import { eventually } from "../../lab/poll";
import {
  containerIds,
  deploy,
  look,
  removeContainers,
  requestFor,
  type ShopOptions,
  served,
  shop,
} from "../faults/support/shop";
import { idle, ownProject, type Services, sh, web } from "./host-support/services";

describe("a deployment that fails on a host", function () {
  this.timeout(600_000);
  const own = ownProject("failure");

  const containers = () => containerIds(own.host);
  const release = (id: string, options: ShopOptions) => requestFor(own.lab, shop(own.images, id, options));

  /** Asserts that a deployment is refused with these words, and that every container stays. */
  async function touchesNothing(request: ReturnType<typeof release>, said: RegExp): Promise<void> {
    const before = await containers();
    const { status, stderr } = await deploy(own.host, request);
    assert.equal(status, 1, stderr);
    assert.match(stderr, said);
    assert.deepEqual(await containers(), before);
  }

  it("leaves no image behind once the next deployment is proved", async () => {
    const tags = () => engine(own.host, "image", "ls", "-q", "everfresh/shop");
    await deploy(own.host, release("g1", { page: "one" }));
    const kept = await tags();
    assert.equal((await deploy(own.host, release("g2", { page: "two", sick: true }))).status, 1);
    assert.notEqual(await tags(), kept);
    await deploy(own.host, release("g3", { page: "one", conf: "another" }));
    assert.equal(await tags(), kept);
    const two = own.images.two!.split("@")[1]!;
    assert.ok(!(await engine(own.host, "images", "--digests")).includes(two), "the image itself is gone");
  });

  it("leaves nothing running when it is the first", async () => {
    const { status, stderr } = await deploy(own.host, release("f1", { page: "one", sick: true }));
    assert.equal(status, 1, stderr);
    assert.match(stderr, /no release of shop is serving\n$/);
    assert.equal(await engine(own.host, "ps", "-aq"), "");
    assert.equal(await exec(own.host, ["ls", "/home/deploy/.everfresh/shop/releases"]), "");
  });

  it("puts the other services back when one was already unhealthy, and says that it still is", async () => {
    const ailing = (id: string, options: ShopOptions) => {
      const made = shop(own.images, id, options);
      made.compose += `    healthcheck: {test: [CMD-SHELL, "[ ! -e /tmp/ill ]"], interval: 300ms, retries: 1}\n`;
      return requestFor(own.lab, made, { healthTimeout: 5 });
    };
    await deploy(own.host, ailing("well", { page: "one" }));
    const { api } = await containers();
    await engine(own.host, "exec", api!, "sh", "-c", "mkdir -p /tmp && echo >/tmp/ill");
    await eventually("an unhealthy api", async () =>
      (await look(own.host)).containers.some(({ health }) => health === "unhealthy"),
    );

    const { status, stderr } = await deploy(own.host, ailing("other", { page: "two" }));
    assert.equal(status, 1, stderr);
    assert.match(stderr, /api: is unhealthy after 5 s/);
    assert.match(stderr, /release well is back as it was; api is unhealthy\n$/);
    assert.equal(await served(own.host), "one");
    assert.equal((await containers()).api, api);
    assert.deepEqual((await look(own.host)).drift, []);
  });

  it("puts the previous release back when a one-shot that others wait for fails, even if nothing else changed", async () => {
    const migrating = (id: string, migration: string) => {
      const made = shop(own.images, id, { page: "one" });
      made.compose += `    depends_on: {migration: {condition: service_completed_successfully}}
  migration:
    image: ${own.images.api}
    restart: "no"
    command: [sh, -c, "sleep 2; ${migration}"]
`;
      const [, api] = made.services;
      made.services.unshift({ ...api!, name: "migration" });
      return requestFor(own.lab, made);
    };
    const good = await deploy(own.host, migrating("m1", "exit 0"));
    assert.equal(good.status, 0, good.stderr);
    const { api } = await containers();
    const slow = await deploy(own.host, { ...migrating("m2", "exit 0 # again"), token: "m2" });
    assert.equal(slow.status, 0, slow.stderr);
    assert.deepEqual((await look(own.host)).drift, []);
    const bad = await deploy(own.host, migrating("m3", "echo no such table; exit 3"));
    assert.equal(bad.status, 1, bad.stderr);
    assert.match(bad.stderr, /^migration: exited with status 3\n {2}\| no such table$/m);
    assert.match(bad.stderr, /release m2 serves again\n$/);
    assert.equal((await containers()).api, api);
  });

  it("touches no container when a network does not exist, or compose would keep one with another definition", async () => {
    const connected = (id: string, networks: string) => {
      const made = shop(own.images, id, { page: "one" });
      made.compose += `networks: ${networks}\n`;
      return requestFor(own.lab, made);
    };
    assert.equal((await deploy(own.host, connected("n1", "{default: {name: shop_default}}"))).status, 0);
    for (const [networks, said] of [
      [
        '{default: {name: shop_default, internal: true, labels: {dev.everfresh.definition: "ab12"}}}',
        /^network shop_default: was created from another definition/m,
      ],
      [
        "{default: {name: elsewhere, external: true}}",
        /^network elsewhere: is external but does not exist on this host; create it/m,
      ],
    ] as const) {
      await touchesNothing(connected("n2", networks), said);
    }
  });

  it("touches no container when a volume does not exist, or docker would keep one with other options", async () => {
    const mounting = (id: string, volumes: string) => {
      const made = shop(own.images, id, { page: "one" });
      made.compose += `    volumes: [{type: volume, source: data, target: /data}]\nvolumes: ${volumes}\n`;
      return requestFor(own.lab, made);
    };
    const options = "driver_opts: {type: tmpfs, device: tmpfs, o: 'size=1m,mode=0700'}";
    const tmpfs = `{data: {name: shop_data, ${options}}}`;
    const first = await deploy(own.host, mounting("v1", tmpfs));
    assert.equal(first.status, 0, first.stderr);
    assert.equal((await deploy(own.host, mounting("v1b", tmpfs))).status, 0, "the same again");
    const another = /^volume shop_data: was created with another driver or other options.*docker volume rm/m;
    for (const [volumes, said] of [
      ["{data: {name: shop_data}}", another],
      [tmpfs.replace("size=1m", "size=2m"), another],
      [tmpfs.replace("{data: {", "{data: {driver: other, "), another],
      [
        "{data: {name: elsewhere, external: true}}",
        /^volume elsewhere: is external but does not exist on this host; create it/m,
      ],
    ] as const) {
      await touchesNothing(mounting("v2", volumes), said);
    }
    await removeContainers(own.host);
    await engine(own.host, "volume", "rm", "shop_data");
  });

  describe("a service without a healthcheck", () => {
    const dies = { healthcheck: undefined, restart: "always", command: sh("sleep 3; echo died >&2; exit 1") };

    it("that exits after three seconds fails the deployment, which shows its last log lines", async () => {
      const { id } = await own.deployed({ web: web("one") });
      const stderr = await own.fails({ web: web("two", dies) }, { settle: 10, healthTimeout: 4 });
      assert.match(
        stderr,
        /^web: (does not stay up \(restarted \d+ times?\)|is restarting) after 4 s\n {2}\| died/m,
      );
      assert.match(stderr, new RegExp(`\nrelease ${id} serves again\n$`));
    });

    it("that exits after the proof causes no drift, and a note counts its restarts", async () => {
      await own.deployed({ web: web("one", { ...dies, command: sh("sleep 6; exit 1") }) }, { settle: 1 });
      await eventually("a restart is told", async () =>
        (await look(own.host)).notes.some((note) =>
          /^web restarted \d+ times? since it was proved$/.test(note),
        ),
      );
      await own.hasNoDrift();
    });
  });

  describe("its last line", () => {
    const tooMuch = (services: Services) =>
      requestFor(own.lab, own.release({ ...services, other: { page: "nobody/has:this" } }));

    it("names the services of the previous release that do not run, although it was not touched", async () => {
      const { id } = await own.deployed({
        web: web("one"),
        api: idle,
      });
      const untouched = await deploy(own.host, tooMuch({ web: web("two") }));
      assert.match(untouched.stderr, new RegExp(`\nrelease ${id} serves, untouched\n$`));
      const { web: serving } = await own.containers();
      await engine(own.host, "stop", serving!.id);
      const stopped = await deploy(own.host, tooMuch({ web: web("two") }));
      assert.match(stopped.stderr, new RegExp(`\nrelease ${id} was not touched; web is exited\n$`));
      await engine(own.host, "rm", serving!.id);
      const gone = await deploy(own.host, tooMuch({ web: web("two") }));
      assert.match(gone.stderr, new RegExp(`\nrelease ${id} was not touched; web is missing\n$`));
    });
  });
});
