import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { outline } from "../../support/graph";
import { deployed, noCache, run, shop, useShop } from "./shop";

describe("the program", () => {
  useShop();

  it("builds nothing that the registry already has", async () => {
    const { content } = (await run()).result.images.web!;
    const found = `sha256:${"f0".repeat(32)}`;
    shop.outside.registry = (name) =>
      name === `registry.example.com:5000/team/shop-web:content-${content.slice(0, 32)}` ? found : undefined;
    const declared = await run();
    assert.deepEqual(
      outline(declared).filter((line) => / web(-|$)/.test(line)),
      [],
    );
    assert.deepEqual(declared.result.images.web, {
      content,
      digest: found,
      ref: `10.0.0.1:5000/team/shop-web@${found}`,
    });
    deployed(declared);
    shop.outside.registry = () => assert.fail("the registry is asked for what is known");
    assert.deepEqual((await run()).result.images, declared.result.images);
  });

  it("builds what the registry already has when told to", async () => {
    shop.outside.registry = () => `sha256:${"f0".repeat(32)}`;
    assert.equal(noCache(await run({ fresh: "today" })), true);
  });

  it("removes old build cache when it has built something and every host has proved it", async () => {
    const pruned: unknown[] = [];
    shop.outside.prune = (hours, kind) => {
      pruned.push([hours, kind]);
      return kind ? undefined : "1.2GB";
    };
    await run({}, { preview: true });
    await assert.rejects(
      run({}, {}, ({ name }) => {
        if (name === "web2-up") throw new Error("not proved");
        return {};
      }),
    );
    assert.deepEqual(pruned, []);
    const both = [
      [24, "source.local"],
      [240, undefined],
    ];
    const first = await run();
    assert.deepEqual(pruned, both);
    assert.ok(first.log.some(({ message }) => message.startsWith("build cache: 1.2GB")));
    deployed(first);
    await run();
    assert.deepEqual(pruned, both);
  });

  it("builds without the cache when `fresh` changes, and with it afterwards", async () => {
    const fresh = await run({ fresh: "today" });
    deployed(fresh);
    const again = await run({ fresh: "today" });
    assert.equal(noCache(again), true, "nothing changed");
    writeFileSync(path.join(shop.folder, "web", "page"), "changed");
    assert.equal(noCache(await run({ fresh: "today" })), false);
    assert.equal(noCache(await run({ fresh: "tomorrow" })), true);
  });
});
