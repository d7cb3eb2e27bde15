import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { printed } from "../../support/compose";
import { named } from "../../support/graph";
import { digest } from "../fixtures";
import { deployed, programOf, type Run, run, shop, useShop } from "./shop";

describe("the program, with a build based on another service's image", () => {
  useShop();
  const pulled: string[] = [];
  const image = `registry.example.com:5000/team/shop-base@${digest}`;
  const dockerfile = () =>
    readFileSync(path.join(shop.folder, "run/.everfresh/build/prod/web/Dockerfile"), "utf8");
  const order = (run: Run) =>
    run.resources.flatMap(({ name }) => (/^(base-push|web-build)$/.test(name) ? [name] : []));

  beforeEach(() => {
    mkdirSync(path.join(shop.folder, "base"));
    writeFileSync(path.join(shop.folder, "base/Dockerfile"), "FROM scratch\nCOPY lib /\n");
    writeFileSync(path.join(shop.folder, "base/lib"), "1");
    writeFileSync(path.join(shop.folder, "web/Dockerfile"), "ARG BASE\nFROM ${BASE}\nCOPY page /\n");
    pulled.length = 0;
    shop.outside.pull = (image) => void pulled.push(image);
    const { compose } = shop.outside;
    shop.outside.compose = () => {
      const { resolved, ...text } = compose();
      const project = parse(resolved);
      project.services.web.build.args = { BASE: "shop-base" };
      const base = { build: { context: path.join(shop.folder, "base") } };
      const whole = printed({ ...project, services: { ...project.services, base } });
      return { ...text, ...printed(project, parse(text.written)), whole };
    };
  });

  it("builds the base first, and builds on exactly the pushed image, pulled from the registry", async () => {
    const first = await run();
    assert.deepEqual(order(first), ["base-push", "web-build"]);
    assert.equal(dockerfile(), `ARG BASE\nFROM ${image}\nCOPY page /\n`);
    assert.deepEqual(pulled, [image]);
    const { inputs, dependencies } = named(first, "web-build");
    assert.equal((inputs.build as { dockerfile: string }).dockerfile, "../Dockerfile");
    // A push is replaced by deleting the old one first, with everything that depends on it.
    assert.deepEqual(dependencies, []);
    assert.deepEqual(Object.keys(first.result.images).sort(), ["api", "base", "web"]);
    assert.doesNotMatch(programOf(first), /shop-base/);
  });

  it("declares the same resources when nothing changed, and pulls nothing", async () => {
    const first = await run();
    deployed(first);
    pulled.length = 0;
    const again = await run();
    assert.deepEqual(again.result, first.result);
    assert.deepEqual(named(again, "web-build").inputs, named(first, "web-build").inputs);
    assert.deepEqual(
      named(await run({}, { preview: true }), "web-build").inputs,
      named(first, "web-build").inputs,
    );
    assert.deepEqual(pulled, []);
  });

  it("builds both again when the base's files change, and says so", async () => {
    const first = await run();
    deployed(first);
    writeFileSync(path.join(shop.folder, "base/lib"), "2");
    const after = await run();
    assert.notEqual(after.result.images.web!.content, first.result.images.web!.content);
    assert.equal(after.result.images.api!.content, first.result.images.api!.content);
    const said = after.log.flatMap(({ message }) => (/^(base|web|api): /.test(message) ? [message] : []));
    assert.deepEqual(said.sort(), ["base: 1 file (lib)", "web: build context shop-base"]);
  });

  it("builds on the image in the registry, if the base is there already", async () => {
    const { content } = (await run()).result.images.base!;
    const found = `sha256:${"f0".repeat(32)}`;
    shop.outside.registry = (name) =>
      name.endsWith(`shop-base:content-${content.slice(0, 32)}`) ? found : undefined;
    pulled.length = 0;
    assert.deepEqual(order(await run()), ["web-build"]);
    assert.deepEqual(pulled, [`registry.example.com:5000/team/shop-base@${found}`]);
  });

  it("passes the base as a named context if the Dockerfile cannot be rewritten with certainty", async () => {
    writeFileSync(
      path.join(shop.folder, "web/Dockerfile"),
      "# syntax=other/frontend\nFROM shop-base\nCOPY page /\n",
    );
    const contexts = (run: Run) =>
      (named(run, "web-build").inputs.build as { additionalContexts: string[] }).additionalContexts;
    const first = await run();
    assert.deepEqual(contexts(first), [`shop-base=docker-image://${image}`]);
    deployed(first);
    assert.deepEqual(contexts(await run({}, { preview: true })), contexts(first));
  });

  it("names the service whose base image cannot be pulled", async () => {
    shop.outside.pull = () => {
      throw new Error("manifest unknown");
    };
    await assert.rejects(run(), (error: Error) => {
      assert.match(
        error.message,
        /web: registry.*shop-base@sha256:\S+, which its build needs, cannot be pulled \(manifest unknown\); run `pulumi up` again/,
      );
      return true;
    });
  });
});
