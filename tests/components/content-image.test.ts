import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { ContentImage, type ContentImageArgs } from "../../components/content-image";
import { graph, named, outline } from "../support/graph";
import { content, imageId, providers } from "./fixtures";

const built = "2030-01-02T03:04:05.000Z";
const args: ContentImageArgs = {
  build: {
    context: "/srv/shop/web",
    args: { A: "1", UNSET: null, EMPTY: "" },
    target: "prod",
    platforms: ["linux/arm64"],
    labels: { mine: "x", "dev.everfresh.content": "forged" },
    additionalContexts: {},
    secrets: ["npm"],
    network: "host",
    extraHosts: ["db=10.0.0.1", "v6=::1"],
    shmSize: 67108864,
    provenance: "false",
  },
  options: {
    secrets: [{ id: "npm", file: "/k/npm" }],
    noCache: true,
    pull: true,
    cacheFrom: ["type=registry,ref=a"],
    cacheTo: ["type=inline"],
  },
  content,
  repository: "registry.example.com/shop-web",
  folder: {
    context: ".everfresh/build/prod/web/context",
    dockerfile: "Dockerfile",
    log: ".everfresh/build/prod/web/build.log",
    additionalContexts: ["shared=.everfresh/build/prod/web/context-shared"],
    write: () => {},
    secret: (id) => ({ id, src: `.everfresh/build/prod/web/secrets/${id}` }),
  },
  built,
};
const build = (changes: Partial<ContentImageArgs> = {}, preview = false) =>
  graph(
    () => {
      const { image, imageId } = new ContentImage("web", { ...args, ...changes });
      return { image, imageId };
    },
    { provider: providers, preview },
  );

describe("ContentImage", () => {
  it("is one image below one component", async () => {
    const { resources, result } = await build();
    assert.deepEqual(outline({ resources }), [
      "docker:index/remoteImage:RemoteImage web-build < web",
      "everfresh:index:ContentImage web",
    ]);
    const image = `registry.example.com/shop-web:content-${content.slice(0, 32)}`;
    assert.deepEqual(result, { image, imageId });
  });

  it("is built as the compose file says, from paths that are the same in every checkout", async () => {
    const { inputs } = named(await build(), "web-build");
    assert.deepEqual(inputs, {
      name: `registry.example.com/shop-web:content-${content.slice(0, 32)}`,
      triggers: { content, built },
      keepLocally: true,
      build: {
        context: ".everfresh/build/prod/web/context",
        dockerfile: "Dockerfile",
        buildLogFile: ".everfresh/build/prod/web/build.log",
        buildArgs: { A: "1", EMPTY: "" },
        label: { mine: "x", "dev.everfresh.content": content },
        additionalContexts: ["shared=.everfresh/build/prod/web/context-shared"],
        secrets: [{ id: "npm", src: ".everfresh/build/prod/web/secrets/npm" }],
        target: "prod",
        platform: "linux/arm64",
        networkMode: "host",
        extraHosts: ["db:10.0.0.1", "v6:::1"],
        shmSize: 67108864,
        provenance: "false",
        noCache: true,
        pullParent: true,
        cacheFroms: ["type=registry,ref=a"],
        cacheTos: ["type=inline"],
      },
    });
  });

  it("sets no option that the compose file does not set", async () => {
    const { target: _, network: __, extraHosts: ___, ...plain } = args.build;
    const { inputs } = named(await build({ build: { ...plain, platforms: [] } }), "web-build");
    const asked = inputs.build as Record<string, unknown>;
    assert.deepEqual(
      ["target", "platform", "networkMode", "extraHosts"].filter((key) => key in asked),
      ["extraHosts"],
    );
    assert.deepEqual(asked.extraHosts, []);
  });

  it("gets a new name and a new trigger when its content changes", async () => {
    const other = "0c".repeat(32);
    const { inputs } = named(await build({ content: other }), "web-build");
    assert.deepEqual(inputs.triggers, { content: other, built });
    assert.ok((inputs.name as string).endsWith(`:content-${other.slice(0, 32)}`));
    assert.equal((inputs.build as { label: Record<string, string> }).label["dev.everfresh.content"], other);
  });

  it("keeps its name and gets a new trigger when it is built again", async () => {
    const again = named(await build({ built: "2031-01-01T00:00:00.000Z" }), "web-build").inputs;
    assert.deepEqual(again.triggers, { content, built: "2031-01-01T00:00:00.000Z" });
    assert.equal(again.name, named(await build(), "web-build").inputs.name);
  });

  it("is refused when its context changed while it was built, because it would have the wrong name", async () => {
    let looks = 0;
    const changedSince = async () => {
      looks += 1;
      return "1 file (page.ts)";
    };
    await assert.rejects(build({ changedSince }), (error: Error) => {
      assert.ok(pulumi.RunError.isInstance(error), error.stack);
      assert.match(
        error.message,
        /web: 1 file \(page\.ts\) changed while it was being built; run `pulumi up` again$/,
      );
      return true;
    });
    assert.equal(looks, 1);
    await build({ changedSince: async () => undefined });
  });

  it("shows its progress only if this run builds it", async () => {
    assert.deepEqual(named(await build(), "web-build").hooks, {});
    const building = named(await build({ changedSince: async () => undefined }), "web-build");
    assert.deepEqual(building.hooks, { beforeCreate: 1, afterCreate: 1, onError: 1 });
    assert.deepEqual(building.inputs, named(await build(), "web-build").inputs);
  });

  it("is built again when the last attempt was not deployed", async () => {
    const { inputs } = named(await build({ built: "2026-11-22T00:00:00.000Z" }), "web-build");
    assert.deepEqual(inputs.triggers, { content, built: "2026-11-22T00:00:00.000Z" });
  });

  it("is refused when its context changed while it was built, because it would have the wrong name", async () => {
    await assert.rejects(
      build({ changedSince: async () => "1 file (index.html)" }),
      /web: 1 file \(index\.html\) changed while it was being built; run `pulumi up` again/,
    );
  });
});
