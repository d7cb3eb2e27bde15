import assert from "node:assert/strict";
import {
  config,
  hex,
  layers,
  manifest,
  OCI,
  proxiedRegistry,
  several,
  sha256,
  single,
} from "./proxied-registry";

describe("a registry's proxy for a part of an image", () => {
  const { ask } = proxiedRegistry();
  const part = (layers: number, of = hex(manifest)) => `/v2/shop-web/manifests/part-${layers}-${of}`;

  it("gives a manifest of the lower layers, under its own digest", async () => {
    const { status, headers, body } = await ask(part(2));
    assert.equal(status, 200);
    assert.equal(headers["docker-content-digest"], sha256(body));
    assert.equal(headers["content-type"], OCI);
    assert.deepEqual(JSON.parse(body.toString()).layers, JSON.parse(manifest).layers.slice(0, 2));
  });

  it("gives its configuration after that, whole also to those who ask for its head first", async () => {
    const { config: own } = JSON.parse((await ask(part(2))).body.toString());
    const path = `/v2/shop-web/blobs/${own.digest}`;
    const [head, { status, headers, body }] = [await ask(path, "HEAD"), await ask(path)];
    assert.deepEqual([head.status, head.headers["content-length"]], [200, `${own.size}`]);
    assert.equal(status, 200);
    assert.deepEqual([sha256(body), body.length], [own.digest, own.size]);
    assert.equal(headers["docker-content-digest"], own.digest);
    assert.deepEqual(
      JSON.parse(body.toString()).rootfs.diff_ids,
      JSON.parse(config).rootfs.diff_ids.slice(0, 2),
    );
  });

  it("is that of the only image in an index", async () => {
    const [whole, inIndex] = await Promise.all([ask(part(1)), ask(part(1, hex(single)))]);
    assert.ok(whole.body.equals(inIndex.body) && whole.body.length > 0);
  });

  it("gives the layers as they are in the whole", async () => {
    const manifest = JSON.parse((await ask(part(1))).body.toString());
    const { body } = await ask(`/v2/shop-web/blobs/${manifest.layers[0].digest}`);
    assert.ok(body.equals(layers[0]!));
  });

  for (const [name, path] of [
    ["of no layers", part(0)],
    ["of all layers", part(3)],
    ["of an index for several systems", part(1, hex(several))],
    ["of an image that the registry lacks", part(1, "0".repeat(64))],
  ] as const) {
    it(`says that there is none ${name}`, async () => {
      const { status, body } = await ask(path);
      assert.deepEqual([status, body.length], [404, 0]);
    });
  }
});
