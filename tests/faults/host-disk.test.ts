import assert from "node:assert/strict";
import { exec, killEngine, startEngine } from "../../lab/faults";
import type { WrittenRelease, WrittenRequest } from "../support/written-release";
import { countSteps, deployDisturbed, installStepper } from "./support/kill";
import { FOLDER, ownTroubledHost } from "./support/own-troubled-host";
import { deploy, type Images, look, measured, pushImages, requestFor, served, shop } from "./support/shop";

/** `npm run test:faults` goes through more of it. */
const thorough = Number(process.env.EVERFRESH_KILLS ?? 0) > 100;

describe("a host whose disk is full", function () {
  this.timeout(600_000);
  const own = ownTroubledHost("disk");

  it("changes nothing when the engine's disk fills up during a pull", async () => {
    const serving = await own.green();
    const fresh = await pushImages(own.lab, [`five-${process.pid}`]);
    const release = shop({ ...own.images, five: fresh[`five-${process.pid}`]! }, own.next().id, {
      page: "five",
      conf: `conf ${own.numberOfLast()}`,
    });
    await own.sh("mount -t tmpfs -o nr_inodes=1 tmpfs /var/lib/docker/tmp");
    const { status, stderr } = await deploy(own.host, requestFor(own.lab, release));
    await own.sh("umount /var/lib/docker/tmp");
    assert.equal(status, 1);
    assert.match(stderr, /pull registry.*no space left on device/);
    assert.equal(await served(own.host, "/conf"), `conf ${serving}`);
    await own.green();
  });

  describe("with a full disk", () => {
    const fill = () => exec(own.host, ["sh", "-c", `cat /dev/zero >${FOLDER}/ballast 2>/dev/null || true`]);
    const free = () => exec(own.host, ["rm", "-f", `${FOLDER}/ballast`]);

    before(async () => {
      await own.sh(
        `docker rm -f $(docker ps -aq) >/dev/null; rm -rf ${FOLDER} && mkdir -m 700 ${FOLDER} && mount -t tmpfs -o size=16m tmpfs ${FOLDER} && chown deploy:deploy ${FOLDER} && chmod 700 ${FOLDER}`,
      );
      await installStepper(own.host);
    });
    after(() => own.sh(`umount ${FOLDER}`));

    it("refuses a deployment before it touches anything, and accepts it when there is room again", async () => {
      const serving = await own.green();
      await fill();
      const { status, stderr } = await deploy(own.host, own.request());
      await free();
      assert.equal(status, 1);
      assert.match(stderr, /free some space/);
      assert.equal(await served(own.host, "/conf"), `conf ${serving}`);
      assert.deepEqual((await look(own.host)).drift, []);
      await own.green();
    });

    it("serves the old or the new release when the disk fills up at any step, and deploys when there is room again", async () => {
      const steps = await countSteps(own.host, own.request());
      const parts = [0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.88, 0.94, 0.99];
      for (const step of thorough
        ? parts.map((part) => Math.max(2, Math.round(part * steps)))
        : ["tar -xpomf *", "docker compose * up *", "ln -s *"]) {
        const serving = own.numberOfLast();
        const { status, stderr } = await deployDisturbed(own.host, own.request(), step, fill);
        const now = await served(own.host, "/conf");
        await free();
        assert.equal(
          now,
          `conf ${status === 0 ? own.numberOfLast() : serving}`,
          `step ${step} of ${steps}, status ${status}: ${stderr}`,
        );
        assert.ok(status === 0 || status === 1, `step ${step} of ${steps}: ${status}, ${stderr}`);
        if (status === 1) assert.match(stderr, /free some space|no space left/i);
        await own.green();
        assert.deepEqual((await look(own.host)).drift, []);
      }
    });
  });

  describe("with little room for images", () => {
    /** The whole of the engine's disk. */
    const MEGABYTES = 200;
    const pages = ["big-1", "big-2", "big-3"].map((name) => `${name}-${process.pid}`);
    let big: Images;
    let release: (page: number, options?: Parameters<typeof requestFor>[2]) => Promise<WrittenRequest>;
    const leave = (megabytes: number) =>
      own.sh(
        `cd /var/lib/docker && rm -f ballast && free=$(df -Pm . | awk 'NR == 2 { print $4 }') && head -c $((free - ${megabytes}))M /dev/zero >ballast`,
      );

    before(async () => {
      await own.sh(`docker rm -f $(docker ps -aq) >/dev/null; rm -rf ${FOLDER}`);
      await killEngine(own.host);
      await own.sh(`mount -t tmpfs -o size=${MEGABYTES}m tmpfs /var/lib/docker`);
      await startEngine(own.host);
      big = { ...own.images, ...(await pushImages(own.lab, pages, 20)) };
      release = async (page, options) => {
        const next = shop(big, `big${page}`, { page: pages[page - 1]!, conf: `big ${page}` });
        return requestFor(own.lab, await measured(own.lab, next), options);
      };
    });

    it("records how much it pulled: the compressed layers that the host did not have", async () => {
      for (const page of [1, 2]) {
        const { status, stderr } = await deploy(own.host, await release(page));
        assert.equal(status, 0, stderr);
      }
      const [first, second] = await own.ledger();
      const sizeOf = (layers = "") => layers.split(" ").map((layer) => Number(layer.split("=")[1]));
      const { release: told } = await release(2);
      const [web] = (told as WrittenRelease).services;
      const [tools, ...added] = sizeOf(web!.layers);
      assert.equal(
        second.pulled,
        added.reduce((sum, bytes) => sum + bytes, 0),
      );
      assert.ok(second.pulled > 20e6 && second.pulled < 21.5e6, `${second.pulled}`);
      assert.ok(first.pulled > second.pulled + tools!);
    });

    it("first removes releases that need not be kept", async () => {
      await leave(60); // 20 MB want 70; an old image gives 20
      const { status, stderr } = await deploy(own.host, await release(3, { keepReleases: 1 }));
      assert.equal(status, 0, stderr);
      assert.match(stderr, /pruned 1 old releases, \d+ MB of images[\s\S]*\npull web$/m);
      assert.equal(await served(own.host, "/conf"), "big 3");
    });

    it("refuses images that do not fit before it touches anything, and accepts them when there is room", async () => {
      await leave(50);
      const { status, stderr } = await deploy(own.host, await release(1));
      assert.equal(status, 1);
      assert.match(
        stderr,
        /^disk: \d\d MB free under \/var\/lib\/docker, about 7\d MB needed for the images; free some space$/m,
      );
      assert.doesNotMatch(stderr, /^pull /m);
      assert.match(stderr, /release big3 serves, untouched\n$/);
      assert.equal(await served(own.host, "/conf"), "big 3");
      // What the host has already needs no room.
      const again = await release(3, { keepReleases: 1 });
      const same = await deploy(own.host, {
        ...again,
        release: { ...(again.release as WrittenRelease), id: "big4" },
      });
      assert.equal(same.status, 0, same.stderr);
      await leave(90);
      const green = await deploy(own.host, await release(1));
      assert.equal(green.status, 0, green.stderr);
    });
  });
});
