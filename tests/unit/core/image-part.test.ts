import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Blob, configDigest, type ImagePart, imagePart } from "../../../core/image-part";

const OCI = "application/vnd.oci.image.manifest.v1+json";
const DOCKER = "application/vnd.docker.distribution.manifest.v2+json";
const sha256 = (bytes: string | Buffer) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** An image of layers `l0`, `l1` and so on. */
const layer = (k: number) => ({
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  digest: sha256(`l${k}`),
  size: 1000 + k,
});
const manifest = (count: number, changes: object = {}) => ({
  schemaVersion: 2,
  mediaType: OCI,
  config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: sha256("config"), size: 7 },
  layers: Array.from({ length: count }, (_, k) => layer(k)),
  annotations: { "org.opencontainers.image.title": "shop" },
  ...changes,
});
const config = (count: number, changes: object = {}) => ({
  architecture: "arm64",
  os: "linux",
  variant: "v8",
  config: { Env: ["TOKEN=s3cret"], Cmd: ["serve"] },
  history: Array.from({ length: count }, () => ({ created_by: "COPY . /" })),
  rootfs: { type: "layers", diff_ids: Array.from({ length: count }, (_, k) => sha256(`d${k}`)) },
  ...changes,
});

function partOf(layers: number, ofImage: unknown = manifest(3), withConfig: unknown = config(3)): ImagePart {
  const part = imagePart(ofImage, withConfig, layers);
  assert.ok(part, "there is no such part");
  return part;
}
const parsed = ({ bytes }: Blob) => JSON.parse(bytes.toString());

describe("a part of an image", () => {
  it("is an image of the lower layers only", () => {
    const { manifest: own, config: ownConfig } = partOf(2);
    assert.deepEqual(parsed(own).layers, [layer(0), layer(1)]);
    assert.deepEqual(parsed(ownConfig).rootfs, { type: "layers", diff_ids: [sha256("d0"), sha256("d1")] });
  });

  it("gives its manifest and its configuration the digests of their bytes", () => {
    const { manifest: own, config: ownConfig } = partOf(2);
    for (const { bytes, digest } of [own, ownConfig]) assert.equal(digest, sha256(bytes));
  });

  it("names its own configuration in the manifest, with its size", () => {
    const { manifest: own, config: ownConfig } = partOf(1);
    assert.deepEqual(parsed(own).config, {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: ownConfig.digest,
      size: ownConfig.bytes.length,
    });
  });

  for (const [mediaType, given] of [
    [OCI, OCI],
    [DOCKER, DOCKER],
    [OCI, undefined],
  ]) {
    it(`has the media type ${mediaType}, as an image with ${given ?? "none"}`, () => {
      const part = partOf(1, manifest(3, { mediaType: given }));
      assert.deepEqual([part.manifest.mediaType, parsed(part.manifest).mediaType], [mediaType, mediaType]);
    });
  }

  it("is for the image's platform, and cannot be run", () => {
    const { architecture, os, variant, config: run } = parsed(partOf(1).config);
    assert.deepEqual(
      { architecture, os, variant, run },
      { architecture: "arm64", os: "linux", variant: "v8", run: {} },
    );
  });

  it("is the same each time, so that an engine has it already", () => {
    assert.deepEqual(partOf(2), partOf(2));
  });
});

describe("an image", () => {
  const none: [string, number, unknown, unknown][] = [
    ["of no layers", 0, manifest(3), config(3)],
    ["of fewer than no layers", -1, manifest(3), config(3)],
    ["of all its layers", 3, manifest(3), config(3)],
    ["of more layers than it has", 4, manifest(3), config(3)],
    ["if it is an index of several platforms", 1, { schemaVersion: 2, manifests: [] }, config(3)],
    ["if it is an artifact, which has no diff ids", 1, manifest(3), config(3, { rootfs: undefined })],
    ["if it has fewer diff ids than layers", 1, manifest(3), config(2)],
    ["if it has more diff ids than layers", 1, manifest(3), config(4)],
    ["if its configuration could not be read", 1, manifest(3), undefined],
    ["if its manifest could not be read", 1, undefined, config(3)],
  ];
  for (const [name, layers, ofImage, withConfig] of none) {
    it(`has no part ${name}`, () => assert.equal(imagePart(ofImage, withConfig, layers), undefined));
  }
});

describe("configDigest", () => {
  it("is the digest of an image's configuration", () => {
    assert.equal(configDigest(manifest(1)), sha256("config"));
  });

  for (const [name, content] of [
    ["an index", { schemaVersion: 2, manifests: [] }],
    ["what could not be read", undefined],
  ] as const) {
    it(`is undefined for ${name}`, () => assert.equal(configDigest(content), undefined));
  }
});
