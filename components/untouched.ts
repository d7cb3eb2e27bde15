import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { UntouchedImage } from "../core/release/plan";
import type { PushAccess } from "./push-access";
import { userError } from "./user-error";

/**
 * Declares resources that stay in the state as they are although this run does not make them: an image did not change or
 * belongs to another stack, or an earlier release is pinned. Otherwise Pulumi would delete them from the state, and a
 * rollback would report "20 deleted".
 *
 * Their types, names and parents are those of `ContentImage`, `RegistryPush` and `Release`, and their inputs come from the
 * state. They must all be in the state.
 */

/** @param access - the login with which `pulumi refresh` asks for the image. */
export function declareUntouchedImage(
  { service, resources }: UntouchedImage,
  { authConfig, provider, isKept }: PushAccess,
): void {
  const { image: name, triggers, tag } = resources;
  const image = new pulumi.ComponentResource("everfresh:index:ContentImage", service);
  new docker.RemoteImage(
    `${service}-build`,
    { name, triggers, keepLocally: true, build: { context: "taken from the state" } },
    { parent: image, ignoreChanges: ["*"], hooks: { beforeCreate: [() => refuseToBuild(service)] } },
  );

  const push = new pulumi.ComponentResource("everfresh:index:RegistryPush", service);
  const pushed = {
    triggers: { content: triggers.content! },
    keepRemotely: true,
    ...(authConfig && { authConfig }),
  };
  const options = {
    parent: push,
    ...(provider && { provider }),
    ignoreChanges: isKept ? ["authConfig"] : [],
  };
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
