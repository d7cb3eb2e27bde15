import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { checkedDigest } from "../core/images";
import type { PushAccess } from "./push-access";

export interface RegistryPushArgs {
  /** The image to push, `repository:content-…`. */
  image: pulumi.Input<string>;
  imageId: pulumi.Input<string>;
  /** Its content hash. A changed hash pushes again. */
  content: string;
  /** The repository's address as this machine reaches it. */
  repository: string;
  /** A second, readable tag. */
  tag: string;
  /** The login for the registry. */
  access: PushAccess;
}

/** An image in the registry, known by the digest that the registry itself reports. */
export class RegistryPush extends pulumi.ComponentResource {
  /** Manifest digest, `sha256:` and 64 hex digits. */
  readonly digest: pulumi.Output<string>;

  constructor(name: string, args: RegistryPushArgs, opts?: pulumi.ComponentResourceOptions) {
    super("everfresh:index:RegistryPush", name, {}, opts);
    const { content } = args;
    const { authConfig, provider } = args.access;
    const options = { parent: this, ...(provider && { provider }) };
    const common = {
      triggers: { content },
      // Otherwise, a replaced image would vanish from the registry, and rollback needs it.
      keepRemotely: true,
      ...(authConfig && { authConfig }),
    };

    const pushed = new docker.RegistryImage(`${name}-push`, { name: args.image, ...common }, options);

    const tagged = new docker.Tag(
      `${name}-tag`,
      { sourceImage: args.imageId, targetImage: `${args.repository}:${args.tag}` },
      { parent: this },
    );
    // After the first push, so that the layers are sent only once.
    new docker.RegistryImage(
      `${name}-push-tag`,
      { name: tagged.targetImage, ...common },
      { ...options, dependsOn: pushed },
    );

    this.digest = pulumi
      .all([pushed.sha256Digest, args.image])
      .apply(([digest, image]) => checkedDigest(digest, image));
    this.registerOutputs({ digest: this.digest });
  }
}
