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

/** @param registry - its credentials are the resources' if they are from there: `pulumi refresh` asks with them. */
export function declareUntouchedImage({ service, resources }: UntouchedImage, registry?: Registry): void {
  const { image: name, repository, triggers, tag } = resources;
  const image = new pulumi.ComponentResource("everfresh:index:ContentImage", service);
  new docker.RemoteImage(
    `${service}-build`,
    { name, triggers, keepLocally: true, build: { context: "taken from the state" } },
    { parent: image, ignoreChanges: ["*"], hooks: { beforeCreate: [() => refuseToBuild(service)] } },
  );

  const push = new pulumi.ComponentResource("everfresh:index:RegistryPush", service);
  const isThere = registry !== undefined && repository.startsWith(`${registry.address}/`);
  const pushed = {
    triggers: { content: triggers.content! },
    keepRemotely: true,
    ...(isThere ? { authConfig: credentials(registry) } : {}),
  };
  const options = { parent: push, ignoreChanges: isThere ? [] : ["authConfig"] };
  new docker.RegistryImage(`${service}-push`, { name, ...pushed }, options);
  new docker.Tag(`${service}-tag`, tag, { parent: push });
  new docker.RegistryImage(`${service}-push-tag`, { name: tag.targetImage, ...pushed }, options);
}

export function declareUntouchedRelease(project: string): void {
  const release = new pulumi.ComponentResource("everfresh:index:Release", "release", { project });
  new random.RandomId("release-id", { byteLength: 4 }, { parent: release, ignoreChanges: ["*"] });
}

/** `pulumi up --replace` would build from what the state remembers, not from the working tree. */
function refuseToBuild(service: string): never {
  throw userError(
    `${service}: this run does not build it, so Pulumi must not replace its image; to build it again, set everfresh:fresh to another value`,
  );
}
