import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";

/**
 * Resources that stay in the state exactly as they are, while this program has nothing to declare for them: an image did
 * not change or is another stack's, or an earlier release is pinned. Without this, Pulumi would delete them from the state,
 * and a person who rolls back would read "20 deleted".
 *
 * Types, names and parents are those of `ContentImage`, `RegistryPush` and `Release`; the inputs are the state's own. Each
 * of them has to be in the state: none is ever created here.
 */

/** The inputs of a resource that ignores every change of them: the engine takes those that the state has. */
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
