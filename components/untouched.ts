import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { UntouchedImage } from "../core/release/plan";
import type { Registry } from "../core/settings";
import { credentials } from "./registry-push";
import { userError } from "./user-error";

/**
 * Declares resources that stay in the state as they are although this run does not make them: an image did not change or
 * belongs to another stack, or an earlier release is pinned. Otherwise Pulumi would delete them from the state, and a
 * rollback would report "20 deleted".
 *
 * Their types, names and parents are those of `ContentImage`, `RegistryPush` and `Release`, and their inputs come from the
 * state. They must all be in the state.
 */

/** A placeholder for an input that the engine takes from the state. */
const untouched = "untouched";

/** @param registry - where the credentials are taken from that its resources are to have; the state's stay without it. */
export function declareUntouchedImage({ service, repository }: UntouchedImage, registry?: Registry): void {
  const asItIs = (parent: pulumi.Resource) => ({ parent, ignoreChanges: ["*"] });
  const image = new pulumi.ComponentResource("everfresh:index:ContentImage", service);
  new docker.RemoteImage(
    `${service}-build`,
    { name: untouched, keepLocally: true },
    { ...asItIs(image), hooks: { beforeCreate: [() => refuseToBuild(service)] } },
  );

  const push = new pulumi.ComponentResource("everfresh:index:RegistryPush", service);
  const pushed = { name: untouched, triggers: { content: untouched }, keepRemotely: true };
  // `pulumi refresh` asks the registry with them.
  const isThere = registry !== undefined && repository.startsWith(`${registry.address}/`);
  const inputs = isThere ? { ...pushed, authConfig: credentials(registry) } : pushed;
  const options = isThere ? { ...asItIs(push), ignoreChanges: ["name", "triggers"] } : asItIs(push);
  new docker.RegistryImage(`${service}-push`, inputs, options);
  const names = { sourceImage: untouched, targetImage: untouched };
  new docker.Tag(`${service}-tag`, names, asItIs(push));
  new docker.RegistryImage(`${service}-push-tag`, inputs, options);
}

export function declareUntouchedRelease(): void {
  const release = new pulumi.ComponentResource("everfresh:index:Release", "release");
  new random.RandomId("release-id", { byteLength: 4 }, { parent: release, ignoreChanges: ["*"] });
}

/** `pulumi up --replace` would build from what the state remembers, not from the working tree. */
function refuseToBuild(service: string): never {
  throw userError(
    `${service}: this run does not build it, so Pulumi must not replace its image; to build it again, set everfresh:fresh to another value`,
  );
}
