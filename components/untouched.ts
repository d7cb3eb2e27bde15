import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";

/**
 * Declares resources that stay in the state exactly as they are although this run does not make them: an image did not
 * change or belongs to another stack, or an earlier release is pinned. Otherwise Pulumi would delete them from the state,
 * and a rollback would report "20 deleted".
 *
 * Their types, names and parents are those of `ContentImage`, `RegistryPush` and `Release`, and their inputs come from the
 * state. They must all be in the state, because none is ever created here.
 */

/** A placeholder for inputs of a resource that ignores all changes: the engine uses the inputs from the state. */
const untouched = "untouched";
const below = (parent: pulumi.Resource) => ({ parent, ignoreChanges: ["*"] });

export function declareUntouchedImage(service: string): void {
  const image = new pulumi.ComponentResource("everfresh:index:ContentImage", service);
  new docker.RemoteImage(`${service}-build`, { name: untouched, keepLocally: true }, below(image));

  const push = new pulumi.ComponentResource("everfresh:index:RegistryPush", service);
  const pushed = { name: untouched, keepRemotely: true };
  new docker.RegistryImage(`${service}-push`, pushed, below(push));
  const names = { sourceImage: untouched, targetImage: untouched };
  new docker.Tag(`${service}-tag`, names, below(push));
  new docker.RegistryImage(`${service}-push-tag`, pushed, below(push));
}

export function declareUntouchedRelease(): void {
  const release = new pulumi.ComponentResource("everfresh:index:Release", "release");
  new random.RandomId("release-id", { byteLength: 4 }, below(release));
}
