import assert from "node:assert/strict";
import { engine } from "../../lab/faults";
import { ownHost } from "../faults/support/own-host";
import { deploy, inService, look, releaseOf, removeContainers, requestFor } from "../faults/support/shop";

const forever = ["sh", "-c", "exec sleep 100000"];

describe("a volume that hides an image's files", function () {
  this.timeout(600_000);
  const own = ownHost("volumes", ["one", "two"]);

  let count = 0;
  const deployed = async (page: string, volumes: object[], more: object = {}) => {
    const release = releaseOf(own.images, `r${++count}`, {
      services: {
        web: { image: page, init: true, stop_grace_period: "1s", command: forever, volumes, ...more },
      },
      volumes: { static: {}, uploads: {} },
    });
    const run = await deploy(own.host, requestFor(own.lab, release));
    return { id: release.id, ...run };
  };
  const page = () => inService(own.host, "web", "cat", "/www/index.html");
  const inWeb = (script: string) => inService(own.host, "web", "sh", "-c", script);

  beforeEach(async () => {
    await removeContainers(own.host);
    await engine(own.host, "volume", "rm", "-f", "shop_static");
  });

  const anonymous = [{ type: "volume", target: "/www" }];
  const named = [{ type: "volume", source: "static", target: "/www" }];

  it("anonymous: is renewed with the image, forward and back", async () => {
    for (const wanted of ["one", "two", "one"]) {
      const { status, stderr } = await deployed(wanted, anonymous);
      assert.equal(status, 0, stderr);
      assert.equal(await page(), wanted);
      assert.deepEqual((await look(own.host)).notes, []);
    }
  });

  it("anonymous: is also renewed for the release that is put back", async () => {
    const { id } = await deployed("one", anonymous);
    const { status, stderr } = await deployed("two", anonymous, {
      healthcheck: { test: ["CMD", "false"], interval: "200ms", retries: 1 },
    });
    if (status === 0) assert.fail(stderr);
    assert.match(stderr, new RegExp(`release ${id} serves again\n$`));
    assert.equal(await page(), "one");
  });

  it("anonymous: is kept when a container has written to it, and reported as long as it hides files", async () => {
    await deployed("one", anonymous);
    await inWeb("echo mine >/www/written");
    const { status, stderr } = await deployed("two", anonymous);
    assert.equal(status, 0, stderr);
    assert.match(
      stderr,
      /^web: the new image has other files in \/www, such as index\.html, but an anonymous volume that a container has written to hides them; if it holds nothing of yours, set x-everfresh\.volumes of web to \{\/www: image\}$/m,
    );
    assert.equal(await inWeb("cat /www/written"), "mine");
    const note = ["web: an anonymous volume hides files of its image in /www"];
    assert.deepEqual((await look(own.host)).notes, note);
    assert.equal((await deployed("two", anonymous)).status, 0);
    assert.deepEqual((await look(own.host)).notes, note, "also after a release that does not touch it");
    await inWeb("echo two >/www/index.html");
    assert.equal((await deployed("two", anonymous, { environment: { A: "1" } })).status, 0);
    assert.deepEqual((await look(own.host)).notes, []);
  });

  it("anonymous: is kept if another volume of its container holds data", async () => {
    const both = [...anonymous, { type: "volume", target: "/data" }];
    await deployed("one", both);
    await inWeb("echo mine >/data/written");
    const { stderr } = await deployed("two", both);
    assert.match(stderr, /^web: the new image has other files in \/www/m);
    assert.equal(await inWeb("cat /data/written"), "mine");
  });

  it("named: is never emptied, and reported as long as it hides files", async () => {
    assert.equal((await deployed("one", named)).status, 0);
    const { status, stderr } = await deployed("two", named);
    assert.equal(status, 0, stderr);
    assert.match(
      stderr,
      /^web: the new image has other files in \/www, such as index\.html, but volume shop_static hides them; if it holds nothing of yours, set x-everfresh\.volumes of web to \{static: image\}$/m,
    );
    assert.equal(await page(), "one");
    assert.deepEqual((await look(own.host)).notes, [
      "web: volume shop_static hides files of its image in /www",
    ]);
    assert.equal((await deployed("one", named)).status, 0);
    assert.deepEqual((await look(own.host)).notes, []);
  });

  it("named: hides nothing if containers only added files beside the image's own", async () => {
    await deployed("one", named);
    await inWeb("echo mine >/www/upload; echo two >/www/index.html");
    const { status, stderr } = await deployed("two", named);
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /hides/);
    assert.deepEqual((await look(own.host)).notes, []);
  });

  it("named: is reported in advance if its image has more than empty files there", async () => {
    const uploads = { type: "volume", source: "uploads", target: "/bin/none" };
    await deployed("one", [...named, uploads]);
    assert.deepEqual((await look(own.host)).covers, [
      { service: "web", volume: "shop_static", path: "/www" },
    ]);
    await deployed("one", [...named, uploads], { environment: { A: "1" } });
    assert.deepEqual((await look(own.host)).covers, [
      { service: "web", volume: "shop_static", path: "/www" },
    ]);
    await deployed("one", [uploads]);
    assert.deepEqual((await look(own.host)).covers, []);
  });
});
