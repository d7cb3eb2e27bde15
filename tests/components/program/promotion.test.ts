import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { printed } from "../../support/compose";
import { outline } from "../../support/graph";
import { digest } from "../fixtures";
import {
  changed,
  deployed,
  dockerResources,
  leave,
  proved,
  refused,
  run,
  shop,
  staging,
  useShop,
} from "./shop";

describe("the program, with promoteFrom", () => {
  useShop();
  it("deploys the digests of the other stack, from this stack's registry, and builds nothing", async () => {
    const there = await run();
    leave(proved(there), staging);
    writeFileSync(path.join(shop.folder, "web/page"), "edited since");
    shop.outside.registry = () => assert.fail("the registry is asked");
    const promoted = await run({ promoteFrom: "staging" });
    assert.deepEqual(dockerResources(promoted), []);
    assert.deepEqual(promoted.result.images.web, there.result.images.web);
    assert.ok(promoted.resources.some(({ name }) => name === "web1-up"));
  });

  it("refuses a stack that has deployed nothing, or lacks an image", async () => {
    const line = "everfresh:promoteFrom: stack staging has ";
    await refused(run({ promoteFrom: "staging" }), `${line}deployed nothing yet; `);
    const there = proved(await run());
    const { web: _, ...images } = there.result.images;
    leave({ ...there, result: { ...there.result, images } }, staging);
    await refused(run({ promoteFrom: "staging" }), `${line}no image of web; `);
  });

  it("refuses an image that a host of the other stack has not proved", async () => {
    const there = await run();
    const { result } = proved(there);
    const { web, api } = result.images;
    const newer = { ...web!, digest: `sha256:${"ee".repeat(32)}` };
    // After `build-only`: an image that no host runs.
    leave({ ...there, result: { ...result, images: { web: newer, api: api! } } }, staging);
    const line = "everfresh:promoteFrom: stack staging has not proved its latest image of ";
    await refused(run({ promoteFrom: "staging" }), `${line}web; deploy it there first`);
    const hosts = { ...result.hosts, web2: there.result.hosts.web2! };
    leave({ ...there, result: { ...result, hosts } }, staging);
    await refused(run({ promoteFrom: "staging" }), `${line}api; deploy it there first`);
  });

  it("requires no proof for a service without containers", async () => {
    const { compose } = shop.outside;
    const api = { build: { context: path.join(shop.folder, "api") }, scale: 0 };
    shop.outside.compose = () => ({ ...compose(), ...printed({ name: "shop", services: { api } }) });
    leave(await run(), staging);
    assert.equal((await run({ promoteFrom: "staging" })).result.images.api!.digest, digest);
  });

  it("makes a new release for a new digest, even of the same content", async () => {
    const there = await run();
    leave(proved(there), staging);
    const before = await run({ promoteFrom: "staging" });
    const { images } = there.result;
    const other = { ...images, web: { ...images.web!, digest: `sha256:${"ee".repeat(32)}` } };
    leave(proved({ ...there, result: { ...there.result, images: other } }), staging);
    const after = await run({ promoteFrom: "staging" });
    assert.deepEqual(changed(before, after), ["release-id"]);
  });

  it("keeps the resources of images that this stack built itself, so that nothing is shown as deleted", async () => {
    deployed(await run());
    const own = await run();
    leave(proved(own), staging);
    const promoted = await run({ promoteFrom: "staging" });
    assert.deepEqual(outline(promoted), outline(own));
    assert.deepEqual(changed(own, promoted), ["release-id"]);
  });
});
