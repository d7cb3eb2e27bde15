import { createHash } from "node:crypto";
import * as v from "valibot";
import { type ImageReference, parseAskableReference, parseReference } from "../core/image-reference";
import { excerpt } from "../core/printable";
import { RegistryError, strangeAnswer } from "./registry-error";
import { type RegistryOptions, RegistrySession } from "./registry-session";

/**
 * Checks that the registry answers and accepts the credentials, if any.
 *
 * @throws RegistryError if not.
 */
export async function checkLogin(registry: string, options: RegistryOptions = {}): Promise<void> {
  const session = new RegistrySession(registry, options, undefined);
  session.mustBeOk(await session.request("GET", "/v2/"));
}

/**
 * Whether a registry demands a login. The answer does not depend on any.
 *
 * @throws RegistryError if it does not answer.
 */
export const isClosed = (registry: string, options: Pick<RegistryOptions, "insecure">): Promise<boolean> =>
  new RegistrySession(registry, options, undefined).isClosed();

/**
 * The registry's digest for an image's name; for an image of several platforms, the index's digest.
 *
 * @returns `sha256:` and 64 hex digits; undefined if the registry has no such image, or none that this user may see.
 * @throws RegistryError
 */
export async function resolveDigest(
  name: string,
  options: RegistryOptions = {},
): Promise<string | undefined> {
  try {
    return await requestDigest(name, options);
  } catch (error) {
    if (!(error instanceof RegistryError && error.problem === "refused")) throw error;
    if ((options.auth ?? (await options.login?.())) === undefined) throw error;
    // Many registries refuse to say that an image does not exist (Docker Hub and Quay: 401, Artifactory: 403). Asking for
    // the right to push would distinguish the two cases, but makes Quay create the repository. A forbidden push fails anyway.
    await checkLogin(parseReference(name).registry, options);
    return undefined;
  }
}

async function requestDigest(name: string, options: RegistryOptions): Promise<string | undefined> {
  const reference = parseAskableReference(name);
  if (reference === undefined) return undefined;
  const { registry, repository, version } = reference;
  const session = pullSession(reference, options);
  const path = `/v2/${repository}/manifests/${version}`;
  const head = await session.request("HEAD", path);
  if (head.status === 404) return undefined;
  session.mustBeOk(head);
  const given = head.headers.get("docker-content-digest");
  if (given) return mustBeDigest(given, registry);
  // Not every registry sends the header. The digest is the hash of the manifest's bytes.
  const body = await session.request("GET", path);
  if (body.status === 404) return undefined;
  session.mustBeOk(body);
  return `sha256:${createHash("sha256").update(body.bytes).digest("hex")}`;
}

export interface Layer {
  /** Digest of the unpacked layer, `sha256:` and 64 hex digits. */
  diffId: string;
  /** Compressed, as it is pulled. */
  bytes: number;
}

/**
 * The layers of an image, from the bottom up.
 *
 * @param platform - the one to choose if there are several, such as `linux/arm64`. Default: this machine's.
 * @returns undefined if the registry has no such image or does not describe its layers reliably.
 * @throws RegistryError
 */
export async function imageLayers(
  name: string,
  platform: string | undefined,
  options: RegistryOptions = {},
): Promise<Layer[] | undefined> {
  const image = await readImage(name, platform, options);
  const diffIds = image?.config.rootfs?.diff_ids ?? [];
  // Manifest and configuration list the same layers (OCI image-spec, config.md, `rootfs`). An artifact has no diff IDs.
  if (diffIds.length !== image?.layers.length) return undefined;
  const layers = v.safeParse(
    Layers,
    image.layers.map(({ size }, i) => ({ diffId: diffIds[i], bytes: size })),
  );
  return layers.success ? layers.output : undefined;
}

const Layers = v.array(
  v.object({
    diffId: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/)),
    bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  }),
);

/**
 * The ONBUILD instructions of an image for this machine's platform (Docker image specification v1.2, `OnBuild`).
 *
 * @param digest - the digest of its manifest or index.
 * @returns undefined if the registry has no such image, or none for this platform.
 * @throws RegistryError
 */
export async function onBuildOf(
  name: string,
  digest: string,
  options: RegistryOptions = {},
): Promise<string[] | undefined> {
  const image = await readImage(`${name.replace(/@.*/, "")}@${digest}`, undefined, options);
  return image && (image.config.config?.OnBuild ?? []);
}

const pullSession = ({ registry, repository }: ImageReference, options: RegistryOptions) =>
  new RegistrySession(registry, options, `repository:${repository}:pull`);

/** The layers and the configuration of an image for one platform. */
async function readImage(name: string, platform: string | undefined, options: RegistryOptions) {
  const reference = parseAskableReference(name);
  if (reference === undefined) return undefined;
  const { repository, version } = reference;
  const session = pullSession(reference, options);
  const manifest = (version: string) => session.json(`/v2/${repository}/manifests/${version}`, Manifest);
  let found = await manifest(version);
  if (found?.manifests) {
    const one = ofPlatform(
      found.manifests,
      platform ?? `linux/${process.arch === "x64" ? "amd64" : process.arch}`,
    );
    found = one && (await manifest(one.digest));
  }
  if (!found?.config || !found.layers) return undefined;
  const config = await session.json(`/v2/${repository}/blobs/${found.config.digest}`, ImageConfig);
  return config && { layers: found.layers, config };
}

/** Restricted, because it becomes part of a URL (OCI image-spec, descriptor.md, "Digests"). */
const Digest = v.pipe(v.string(), v.regex(/^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/));

/** An entry of an index (OCI image-spec, image-index.md). */
const PlatformManifest = v.object({
  digest: Digest,
  platform: v.nullish(
    v.object({
      os: v.nullish(v.string()),
      architecture: v.nullish(v.string()),
      variant: v.nullish(v.string()),
    }),
  ),
});

/** An image's manifest, or the index of several (OCI image-spec, manifest.md and image-index.md). */
const Manifest = v.object({
  manifests: v.nullish(v.array(PlatformManifest)),
  config: v.nullish(v.object({ digest: Digest })),
  layers: v.nullish(v.array(v.object({ size: v.unknown() }))),
});

const ImageConfig = v.object({
  config: v.nullish(v.object({ OnBuild: v.nullish(v.array(v.string())) })),
  rootfs: v.nullish(v.object({ diff_ids: v.nullish(v.array(v.unknown())) })),
});

type PlatformManifest = v.InferOutput<typeof PlatformManifest>;

function ofPlatform(manifests: PlatformManifest[], wanted: string): PlatformManifest | undefined {
  const [os, architecture, variant] = wanted.split("/");
  return manifests.find(
    ({ platform }) =>
      platform?.os === os &&
      platform?.architecture === architecture &&
      (variant === undefined || platform?.variant === variant),
  );
}

/** @throws RegistryError for anything but `sha256:` and 64 hex digits. */
function mustBeDigest(digest: string, registry: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
  throw strangeAnswer(registry, `names \`${excerpt(digest)}\` as a digest`);
}
