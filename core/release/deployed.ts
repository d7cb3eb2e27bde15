import type { DeployResult, Layers } from "../host/types";
import { mapValues } from "../records";

/** Who deploys, for the ledger. */
export interface Deployer {
  who: string;
  /** The machine that the deployment runs on. */
  from: string;
}

/** Where a release comes from, for people and for the ledger. */
export interface Provenance extends Deployer {
  tag: string;
  commit?: string;
  dirty?: boolean;
}

/** An image in the registry. */
export interface PushedImage {
  /** Content hash, 64 hex digits. */
  content: string;
  /** Manifest digest, `sha256:` and 64 hex digits. */
  digest: string;
  /** `repository@digest`, as the hosts pull it. */
  ref: string;
}

/** What a host proved, as stored in the stack's outputs. */
export type ProvedHost = Pick<DeployResult, "release" | "services" | "verifiedAt">;

/** A stack's outputs: what people and other programs read. */
export interface StackOutputs {
  /** Id of the release. */
  release: string;
  /** The tag of its images; absent while an earlier release is pinned. */
  tag?: string;
  /** The images that the stack deployed last, also while an earlier release is pinned. */
  images: Record<string, PushedImage>;
  hosts: Record<string, ProvedHost>;
  urls: string[];
}

/** What the program remembers between green `up`s and nothing else needs. */
export interface Memory {
  /** The compose project's name. */
  project: string;
  /** Names this stack's state, so that a host can tell whose release it runs. */
  lineage: string;
  /**
   * Id of the release that this stack made and deployed last, also while an earlier one is pinned. The provenance and the
   * layers are this release's.
   */
  madeRelease?: string;
  provenance?: Provenance;
  /** The images of services that follow a tag, by the digests that the tags had: `redis:7@sha256:…`. */
  followed: Record<string, string>;
  /** The layers of each image, by its name on the hosts. */
  layers: Record<string, Layers>;
  /** The nonce `fresh` that each service's image belongs to. */
  fresh: Record<string, string>;
  /** The address of the registry that the images are in; absent without one. */
  registry?: string;
}

/** The resources of a service's image in the state. */
export interface ImageResources {
  /** Whether all of them exist and belong to one content; `pulumi refresh` removes those whose image is gone. */
  whole: boolean;
  /** Where the image was pushed, without a tag. */
  repository: string;
  /** The image as it was built and pushed, `repository:content-…`. */
  image: string;
  /** What the build was triggered by: `content`, and when it was built. */
  triggers: Record<string, string>;
  /** Whether it was pushed with docker's own login, which the state does not have. */
  usesDockerLogin: boolean;
  /** The image ID, and its readable name. */
  tag: { sourceImage: string; targetImage: string };
}

/** What a stack deployed last, as far as its state knows. */
export interface Deployed extends Partial<Memory>, Partial<StackOutputs> {
  images: Record<string, PushedImage>;
  followed: Record<string, string>;
  hosts: Record<string, ProvedHost>;
  layers: Record<string, Layers>;
  fresh: Record<string, string>;
  /** Whether the state has the resource that a release's id comes from. */
  hasReleaseResource: boolean;
  /** By service. */
  imageResources: Record<string, ImageResources>;
}

/** Outputs in the state of a version before {@link Memory}, which kept everything there. */
export interface EarlierOutputs extends Partial<StackOutputs> {
  project?: string;
  lineage?: string;
  source?: Provenance;
  followed?: Record<string, string>;
  layers?: Record<string, Layers>;
  images?: Record<string, PushedImage & { fresh?: string }>;
}

/** A resource of a stack's state. */
export interface ResourceState {
  urn: string;
  outputs: Record<string, unknown>;
}

/** The type of the resource that holds the {@link Memory}. */
export const memoryType = "everfresh:index:Memory";

/** What a stack deployed last: empty for a new one. */
export function readDeployed(outputs: EarlierOutputs, resources: readonly ResourceState[]): Deployed {
  const { release, tag, images = {}, hosts = {}, urls } = outputs;
  const memory = resources.find(({ urn }) => typeOf(urn) === memoryType)?.outputs as Memory | undefined;
  return {
    ...(memory ?? earlierMemory(outputs)),
    madeRelease: memory?.madeRelease ?? release,
    release,
    tag,
    images: mapValues(images, ({ content, digest, ref }) => ({ content, digest, ref })),
    hosts,
    urls,
    hasReleaseResource: resources.some(({ urn }) => nameOf(urn) === "release-id"),
    imageResources: imageResourcesIn(resources),
  };
}

function earlierMemory({
  project,
  lineage,
  source,
  followed = {},
  layers = {},
  images = {},
}: EarlierOutputs) {
  const fresh = Object.entries(images).flatMap(([name, { fresh }]) => (fresh ? [[name, fresh]] : []));
  return { project, lineage, provenance: source, followed, layers, fresh: Object.fromEntries(fresh) };
}

/** Type and name of a URN: `urn:pulumi:<stack>::<project>::<parent types>$<type>::<name>`. */
const typeOf = (urn: string) => urn.split("::").slice(2, -1).join("::").split("$").at(-1);
const nameOf = (urn: string) => urn.slice(urn.lastIndexOf("::") + 2);

/** The resources of an image: see `ContentImage` and `RegistryPush`. */
const imageResources = (service: string) => [
  `docker:index/remoteImage:RemoteImage ${service}-build`,
  `docker:index/registryImage:RegistryImage ${service}-push`,
  `docker:index/tag:Tag ${service}-tag`,
  `docker:index/registryImage:RegistryImage ${service}-push-tag`,
];

function imageResourcesIn(resources: readonly ResourceState[]): Record<string, ImageResources> {
  const named = new Map(resources.map(({ urn, outputs }) => [`${typeOf(urn)} ${nameOf(urn)}`, outputs]));
  const components = resources.filter(({ urn }) => typeOf(urn) === "everfresh:index:ContentImage");
  return Object.fromEntries(
    components.map(({ urn }) => {
      const found = imageResources(nameOf(urn)).map((key) => named.get(key));
      return [nameOf(urn), readImageResources(found)];
    }),
  );
}

/** In the order of {@link imageResources}; undefined for one that is missing. */
function readImageResources(found: readonly (Record<string, unknown> | undefined)[]): ImageResources {
  const [build, push, tag, pushedTag] = found.map((outputs) => outputs as ImageOutputs | undefined);
  const contents = [build, push, pushedTag].map((outputs) => outputs?.triggers?.content);
  const image = build?.name ?? "";
  const { sourceImage = "", targetImage = "" } = tag ?? {};
  return {
    whole: found.every(Boolean) && new Set(contents).size === 1,
    repository: image.slice(0, Math.max(0, image.lastIndexOf(":"))),
    image,
    triggers: build?.triggers ?? {},
    usesDockerLogin: push !== undefined && !push.authConfig,
    tag: { sourceImage, targetImage },
  };
}

interface ImageOutputs {
  /** Not in a state of docker's own login. The provider writes null there. */
  authConfig?: object | null;
  name?: string;
  triggers?: Record<string, string>;
  sourceImage?: string;
  targetImage?: string;
}
