import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Problems } from "../../../core/problems";
import { printed } from "../../support/compose";
import { refused, run, shop, useShop } from "./shop";

describe("the program", () => {
  useShop();

  it("refuses a build that sees what everfresh itself writes, which would never come to rest", async () => {
    const context = path.join(shop.folder, "run");
    mkdirSync(path.join(context, ".everfresh"));
    writeFileSync(path.join(context, ".everfresh", "note"), "");
    writeFileSync(path.join(context, "Dockerfile"), "FROM scratch\nCOPY . /\n");
    const { compose } = shop.outside;
    shop.outside.compose = () => ({
      ...compose(),
      ...printed({ name: "shop", services: { web: { build: { context } } } }),
    });
    await refused(run(), "services.web.build.context: the build sees .everfresh, ");
    writeFileSync(path.join(context, ".dockerignore"), ".everfresh\n");
    await run();
  });

  it("names every problem at once, without a stack trace, before anything is declared", async () => {
    rmSync(path.join(shop.folder, "conf"));
    rmSync(path.join(shop.folder, "web/Dockerfile"));
    shop.outside.host = (name) => {
      throw new Problems([`everfresh:hosts (${name}): cannot be reached; check it`]);
    };
    await refused(
      run(),
      "services.api.volumes (/etc/conf): ./conf does not exist; ",
      `${path.join(shop.folder, "web")}`,
      "everfresh:hosts (web1): cannot be reached; check it",
      "everfresh:hosts (web2): cannot be reached; check it",
    );
  });

  it("refuses what no host can be told before anything is declared", async () => {
    const { compose } = shop.outside;
    const redis = { image: "-redis" };
    shop.outside.compose = () => ({ ...compose(), ...printed({ name: "shop", services: { redis } }) });
    await refused(run(), 'service "redis", image: "-redis" cannot be sent to a host; ');
  });

  it("names every mistake in the configuration before it looks anywhere", async () => {
    shop.outside.compose = () => assert.fail("the compose file is read");
    await refused(
      run({ hosts: [], keepReleases: "0", registry: {} }),
      "everfresh:hosts: ",
      "everfresh:registry.address: ",
      "everfresh:keepReleases: ",
    );
  });

  it("leaves a defect its stack trace", async () => {
    shop.outside.compose = () => {
      throw new TypeError("a defect");
    };
    await assert.rejects(run(), TypeError);
  });
});
