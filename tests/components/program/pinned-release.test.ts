import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { named, outline, reveal } from "../../support/graph";
import {
  changed,
  deployed,
  dockerResources,
  inputsOf,
  memoryOf,
  noCache,
  type Run,
  run,
  shop,
  useShop,
} from "./shop";

describe("the program, pinned to a release", () => {
  useShop();
  it("deploys what the hosts keep, and needs neither a registry nor docker", async () => {
    shop.outside.registry = () => assert.fail("the registry is asked");
    const pinned = await run({ release: "shop-1", registry: {} });
    assert.deepEqual(dockerResources(pinned), []);
    assert.equal(pinned.result.release, "shop-1");
    const { triggers, stdin } = named(pinned, "web1-up").inputs;
    assert.match(JSON.stringify(triggers), /"release":"shop-1"/);
    assert.match(reveal(stdin) as string, /^release=shop-1\nkept=1$/m);
  });

  it("needs no file of the working tree, and does not claim that the release comes from it", async () => {
    rmSync(path.join(shop.folder, "conf"));
    const { result } = await run({ release: "shop-1" });
    assert.deepEqual(Object.keys(result).sort(), ["hosts", "images", "release", "urls"]);
  });

  it("remembers what the stack has built, so that nothing is built again after unpinning", async () => {
    const fresh = { fresh: "today" };
    shop.outside.layers = () => [{ diffId: `sha256:${"ab".repeat(32)}`, bytes: 100 }];
    const first = await run(fresh);
    deployed(first);
    const pin = { ...fresh, release: "shop-1" };
    const pinned = await run(pin);
    deployed(pinned);
    assert.deepEqual((await run(pin)).result, pinned.result);
    assert.deepEqual(pinned.result.images, first.result.images);

    shop.outside.registry = () => assert.fail("the registry is asked for what is known");
    shop.outside.layers = () => assert.fail("a registry is asked for layers");
    const cleared = await run(fresh);
    assert.deepEqual(changed(first, cleared), ["web1-up", "web2-up"]);
    assert.deepEqual(memoryOf(cleared).provenance, memoryOf(first).provenance);
    assert.deepEqual(cleared.result.images, first.result.images);
    assert.deepEqual(memoryOf(cleared).layers, memoryOf(first).layers);
    writeFileSync(path.join(shop.folder, "web/page"), "edited");
    shop.outside.registry = () => undefined;
    shop.outside.layers = undefined;
    assert.equal(noCache(await run(fresh)), false, "fresh has not changed");
  });

  it("leaves the images' resources exactly as they are: a rollback shows nothing as deleted", async () => {
    const first = await run();
    deployed(first);
    rmSync(path.join(shop.folder, "web"), { recursive: true });
    const pinned = await run({ release: "shop-1", registry: {} });
    const images = (run: Run) => Object.entries(inputsOf(run)).filter(([key]) => key.startsWith("docker:"));
    assert.equal(images(first).length, 8);
    assert.deepEqual(images(pinned).sort(), images(first).sort());
    assert.deepEqual(outline(pinned), outline(first));
    assert.deepEqual(changed(first, pinned), ["web1-up", "web2-up"]);
  });

  it("keeps the key of the files' fingerprints", async () => {
    const key = "release-fingerprint-key";
    const [free, pinned] = [await run(), await run({ release: "shop-1" })];
    assert.deepEqual(named(pinned, key), named(free, key));
  });
});
