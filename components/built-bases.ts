import * as pulumi from "@pulumi/pulumi";
import type { Outside } from "../adapters/outside";
import { accessTo } from "../adapters/registry-access";
import { serviceOf } from "../core/content";
import { pushedName } from "../core/images";
import { type IdentifiedBuild, pinned } from "../core/release/builds";
import type { Registry } from "../core/settings";
import type { BuildFolder } from "./build-folder";
import type { ServiceImage } from "./service-image";
import { userError } from "./user-error";

/** How the builder finds the images of other services. */
export interface Bases {
  dockerfile: pulumi.Input<string>;
  additionalContexts: pulumi.Input<string[]>;
}

export interface BasesArgs {
  build: IdentifiedBuild;
  /** Returns the image of a service that the build needs. */
  imageOf: (service: string) => ServiceImage;
  registry: Registry;
  /** Whether this run builds. If so, the needed images are pulled to this machine. */
  builds: boolean;
  /** Whether external base images are pulled again. */
  pull: boolean;
  outside: Pick<Outside, "pullImage">;
}

/** Stands for a reference that is not known yet. */
const someImage = `everfresh.invalid/image@sha256:${"0".repeat(64)}`;

/** Whether the builder gets a rewritten Dockerfile, which names the images of other services by digest. */
export function isPinned(build: IdentifiedBuild): boolean {
  const contexts = serviceContexts(build.build.additionalContexts);
  const refs = Object.fromEntries(contexts.map(([name]) => [name, someImage]));
  return contexts.length > 0 && pinned(build, refs) !== undefined;
}

/**
 * Makes a build use exactly the images of other services that are deployed, by their digests. Images that this machine
 * does not have are pulled, with the registry's credentials.
 *
 * @param folder - made for a pinned Dockerfile if {@link isPinned} says so.
 * @returns undefined for a build that needs no other service.
 */
export function basesOf(
  { build, imageOf, registry, builds, pull, outside }: BasesArgs,
  folder: BuildFolder,
): Bases | undefined {
  const { name: service, build: spec, bases, images } = build;
  if (bases.length === 0) return undefined;
  const contexts = serviceContexts(spec.additionalContexts).filter(([, base]) => bases.includes(base));
  const refs = apart(
    Object.fromEntries(
      contexts.map(([name, base]) => [
        name,
        pulumi.output(imageOf(base).ref).apply((ref) => pushedName(ref, registry)),
      ]),
    ),
  );
  const isDockerfilePinned = isPinned(build);
  const additionalContexts = isDockerfilePinned
    ? folder.additionalContexts
    : refs.then((refs = {}) => [
        ...folder.additionalContexts,
        ...Object.entries(refs).map(([name, ref]) => `${name}=docker-image://${ref}`),
      ]);
  if (!builds) return { dockerfile: folder.dockerfile, additionalContexts };
  const dockerfile = refs.then(async (refs = {}) => {
    const needed = [...Object.values(refs), ...(pull ? images : [])];
    for (const image of new Set(needed)) {
      const platform = image.includes("@") ? undefined : spec.platforms[0];
      await outside
        .pullImage(image, { auth: accessTo(image, registry).auth, platform })
        .catch((error: Error) => {
          throw userError(
            `${service}: ${image}, which its build needs, cannot be pulled (${error.message}); run \`pulumi up\` again`,
          );
        });
    }
    if (isDockerfilePinned) folder.write(pinned(build, refs)!);
    return folder.dockerfile;
  });
  return { dockerfile, additionalContexts };
}

const serviceContexts = (contexts: Readonly<Record<string, string>>) =>
  Object.entries(contexts).flatMap(([name, value]): [string, string][] => {
    const service = serviceOf(value);
    return service === undefined ? [] : [[name, service]];
  });

/**
 * Values without a dependency on their resources; undefined while they are not known. A push is replaced by deleting the old
 * one first, and Pulumi would also delete every resource that depends on its values and is replaced, such as a build. If
 * the next step then failed, that build would be missing.
 */
const apart = <T>(values: Record<string, pulumi.Output<T>>): Promise<Record<string, T> | undefined> =>
  (pulumi.all(values) as unknown as { promise(): Promise<Record<string, T> | undefined> }).promise();
