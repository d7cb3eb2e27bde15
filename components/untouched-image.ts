import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";

/**
 * Leaves the resources of an image in the state, exactly as they are, while this program has no build to declare: it did
 * not change, it is another stack's, or an earlier release is pinned. Without this, Pulumi would delete them from the
 * state, and a person who rolls back would read "20 deleted".
 *
 * Their names and parents are those of `ContentImage` and `RegistryPush`; their inputs are the state's own.
 *
 * @param service - one whose resources are all in the state: none of them is ever created here.
 */
export function declareUntouched(service: string): void {
  const image = new pulumi.ComponentResource("everfresh:index:ContentImage", service);
  const asItIs = { parent: image, ignoreChanges: ["*"] };
  new docker.RemoteImage(`${service}-build`, { name: untouched, keepLocally: true }, asItIs);

  const push = new pulumi.ComponentResource("everfresh:index:RegistryPush", service);
  const asTheyAre = { parent: push, ignoreChanges: ["*"] };
  const registryImage = { name: untouched, keepRemotely: true };
  new docker.RegistryImage(`${service}-push`, registryImage, asTheyAre);
  new docker.Tag(`${service}-tag`, { sourceImage: untouched, targetImage: untouched }, asTheyAre);
  new docker.RegistryImage(`${service}-push-tag`, registryImage, asTheyAre);
}

/** In the place of an input that the state has. */
const untouched = "untouched";
