import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Problems } from "../../../core/problems";
import { printed } from "../../support/compose";
import { digest, settings } from "../fixtures";
import { refused, run, shop, useShop } from "./shop";

describe("the program", () => {
  useShop();

  it("refuses a build that sees files written by everfresh, which would change every time", async () => {
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

  it("reports every problem at once, without a stack trace, before anything is declared", async () => {
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

  it("refuses what cannot be sent to a host before anything is declared", async () => {
    const { compose } = shop.outside;
    const redis = { image: "-redis" };
    shop.outside.compose = () => ({ ...compose(), ...printed({ name: "shop", services: { redis } }) });
    await refused(run(), 'service "redis", image: "-redis" cannot be sent to a host; ');
  });

  it("refuses a login of docker's that cannot push, unless it pushes nothing", async () => {
    const registry = { address: "registry.example.com/team" };
    shop.outside.pushLogin = () => ({ kind: "unusable", why: "is an identity token" });
    await refused(
      run({ registry }),
      "everfresh:registry.username: docker's login for registry.example.com is an identity token, with which Pulumi's docker provider cannot push; ",
    );
    await run({ registry: settings.registry });
    shop.outside.registry = () => digest;
    await run({ registry });
  });

  it("reports every configuration error before it looks at anything else", async () => {
    shop.outside.compose = () => assert.fail("the compose file is read");
    await refused(
      run({ hosts: [], keepReleases: "0", registry: {} }),
      "everfresh:hosts: ",
      "everfresh:registry.address: ",
      "everfresh:keepReleases: ",
    );
  });

  it("keeps the stack trace of a bug", async () => {
    shop.outside.compose = () => {
      throw new TypeError("a defect");
    };
    await assert.rejects(run(), TypeError);
  });
});
