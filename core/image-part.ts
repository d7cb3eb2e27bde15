import { createHash } from "node:crypto";
import * as v from "valibot";

/** The members that an image's manifest must have (OCI image-spec, manifest.md; Docker's is the same in this). */
const Manifest = v.looseObject({
  mediaType: v.optional(v.string()),
  config: v.looseObject({ mediaType: v.string(), digest: v.string() }),
  layers: v.array(v.looseObject({ digest: v.string(), size: v.number() })),
});
const Config = v.looseObject({
  architecture: v.string(),
  os: v.string(),
  variant: v.optional(v.string()),
  rootfs: v.object({ type: v.string(), diff_ids: v.array(v.string()) }),
});

/** An index (OCI image-spec, image-index.md). Attestations in it have the platform `unknown`. */
const Index = v.looseObject({
  manifests: v.array(
    v.looseObject({ digest: v.string(), platform: v.optional(v.looseObject({ os: v.string() })) }),
  ),
});

/** The image in an index that has one for a single platform; undefined for anything else. */
export function onlyImage(index: unknown): string | undefined {
  const read = v.safeParse(Index, index);
  const images = read.success
    ? read.output.manifests.filter(({ platform }) => platform?.os !== "unknown")
    : [];
  return images.length === 1 ? images[0]!.digest : undefined;
}

/** A manifest or configuration. */
export interface Blob {
  bytes: Buffer;
  mediaType: string;
  /** `sha256:` and 64 hex digits. */
  digest: string;
}

/** An image that is only the lower layers of another one. Nobody runs it; an engine that has it need not load them again. */
export interface ImagePart {
  manifest: Blob;
  config: Blob;
}

/** The digest of an image's configuration; undefined if these are not an image's manifest for one platform. */
export const configDigest = (manifest: unknown): string | undefined => {
  const image = v.safeParse(Manifest, manifest);
  return image.success ? image.output.config.digest : undefined;
};

/**
 * @param manifest - of the whole image, parsed.
 * @param config - its configuration, parsed.
 * @param layers - how many of its layers, from the bottom.
 * @returns undefined if the image has no such part.
 */
export function imagePart(manifest: unknown, config: unknown, layers: number): ImagePart | undefined {
  const [image, facts] = [v.safeParse(Manifest, manifest), v.safeParse(Config, config)];
  if (!image.success || !facts.success) return undefined;
  const { architecture, os, variant, rootfs } = facts.output;
  const whole = image.output;
  if (!(layers > 0 && layers < whole.layers.length && rootfs.diff_ids.length === whole.layers.length))
    return undefined;
  const part = blob(whole.config.mediaType, {
    architecture,
    os,
    variant,
    config: {},
    rootfs: { ...rootfs, diff_ids: rootfs.diff_ids.slice(0, layers) },
  });
  const { mediaType = "application/vnd.oci.image.manifest.v1+json" } = whole;
  const content = {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: part.mediaType, digest: part.digest, size: part.bytes.length },
    layers: whole.layers.slice(0, layers),
  };
  return { manifest: blob(mediaType, content), config: part };
}

function blob(mediaType: string, content: unknown): Blob {
  const bytes = Buffer.from(JSON.stringify(content));
  return { bytes, mediaType, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
}
