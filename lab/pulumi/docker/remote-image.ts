import { isObject, type Properties, plain, unknown } from "../plugin/properties";
import type { Failure, ResourceType } from "../provider/resource-type";
import { type BuildOptions, build } from "./build";
import { findImage, type LocalImage } from "./engine";
import { asTerraformHasIt, withDefaults, withoutNote } from "./terraform";

/** Paths that can change without replacing the image. */
const inPlace = /^(keepLocally|build\.(tags|remove|label|authConfigs))\b/;

/** An image in this machine's Docker engine, built by BuildKit. */
export const remoteImage: ResourceType = {
  inputs: {
    name: true,
    triggers: true,
    keepLocally: true,
    build: {
      context: true,
      dockerfile: true,
      buildLogFile: true,
      buildArgs: true,
      label: true,
      additionalContexts: true,
      secrets: true,
      target: true,
      platform: true,
      networkMode: true,
      extraHosts: true,
      shmSize: true,
      provenance: true,
      sbom: true,
      noCache: true,
      pullParent: true,
      cacheFroms: true,
      cacheTos: true,
      // Its default, which a checked build has.
      remove: true,
    },
  },
  compared: (inputs) => ({
    ...asTerraformHasIt(inputs),
    ...(isObject(inputs.build) ? { build: comparedBuild(inputs.build) } : {}),
  }),
  replaces: (path) => !inPlace.test(path),

  check(inputs) {
    const failures: Failure[] = [];
    if (inputs.keepLocally !== true)
      failures.push({ property: "keepLocally", reason: "must be true: the lab's stand-in removes no image" });
    if (inputs.build === undefined)
      failures.push({ property: "build", reason: "is required: the lab's stand-in pulls no image" });
    const { build } = inputs;
    return {
      inputs: withDefaults({
        ...inputs,
        ...(isObject(build) ? { build: checkedBuild(build) } : {}),
      }),
      failures,
    };
  },
  preview: (inputs, old) => ({
    ...stateOf(inputs),
    ...Object.fromEntries(["id", "imageId", "repoDigest"].map((name) => [name, old ? old[name]! : unknown])),
  }),
  async create(inputs) {
    const state = stateOf(inputs);
    await build(plain(state.build!) as unknown as BuildOptions, state.name as string);
    const made = await found(state);
    if (made) return { id: made.id as string, properties: made };
    throw new Error(
      `Unable to read Docker image into resource: unable to find or pull image ${state.name as string}`,
    );
  },
  update: (inputs) => found(stateOf(inputs)),
  read: found,
};

function checkedBuild(build: Properties): Properties {
  const { secrets } = build;
  return withDefaults(
    {
      ...build,
      ...(Array.isArray(secrets)
        ? { secrets: secrets.map((secret) => (isObject(secret) ? withDefaults(secret) : secret)) }
        : {}),
    },
    { dockerfile: "Dockerfile", remove: true },
  );
}

/** In Terraform, a string that is not set is empty. */
function comparedBuild(build: Properties): Properties {
  const { secrets } = build;
  return {
    target: "",
    platform: "",
    networkMode: "",
    provenance: "",
    sbom: "",
    ...asTerraformHasIt(build),
    ...(Array.isArray(secrets) && secrets.length > 0
      ? { secrets: secrets.map((secret) => (isObject(secret) ? { src: "", env: "", ...secret } : secret)) }
      : {}),
  };
}

function stateOf(inputs: Properties): Properties {
  const state = withoutNote(inputs);
  return isObject(state.build) ? { ...state, build: withoutNote(state.build) } : state;
}

/** The current state of an image in the engine; undefined if it is gone. */
async function found(state: Properties): Promise<Properties | undefined> {
  const name = state.name as string;
  const image = await findImage(name);
  return image && { ...state, id: image.Id + name, imageId: image.Id, repoDigest: repoDigest(image, name) };
}

/** The digest under which it was pushed, in this repository if there are several. */
function repoDigest({ RepoDigests: digests }: LocalImage, name: string): string {
  const repository = name.split(":")[0]!;
  return (
    digests?.find((digest) => digests.length === 1 || digest.startsWith(repository)) ?? digests?.[0] ?? ""
  );
}
