import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { checkedDigest, registryHost, speaksHttp } from "../core/images";
import type { Registry } from "../core/settings";

export interface RegistryPushArgs {
  /** The image to push, `repository:content-…`. */
  image: pulumi.Input<string>;
  imageId: pulumi.Input<string>;
  /** Its content hash: a changed one pushes again. */
  content: string;
  /** The repository, as this machine reaches it. */
  repository: string;
  /** A second tag, for people. */
  tag: string;
  registry: Registry;
}

/** An image in the registry, known by the digest that the registry itself reports. */
export class RegistryPush extends pulumi.ComponentResource {
  /** Manifest digest, `sha256:` and 64 hex digits. */
  readonly digest: pulumi.Output<string>;

  constructor(name: string, args: RegistryPushArgs, opts?: pulumi.ComponentResourceOptions) {
    super("everfresh:index:RegistryPush", name, {}, opts);
    const { content, registry } = args;
    const common = {
      triggers: { content },
      // Without it, a replaced image would vanish from the registry, and rollback with it.
      keepRemotely: true,
      authConfig: credentials(registry),
    };

    const pushed = new docker.RegistryImage(
      `${name}-push`,
      { name: args.image, ...common },
      { parent: this },
    );

    const tagged = new docker.Tag(
      `${name}-tag`,
      { sourceImage: args.imageId, targetImage: `${args.repository}:${args.tag}` },
      { parent: this },
    );
    // After the other: the layers are there then, and travel once.
    new docker.RegistryImage(
      `${name}-push-tag`,
      { name: tagged.targetImage, ...common },
      { parent: this, dependsOn: pushed },
    );

    this.digest = pulumi
      .all([pushed.sha256Digest, args.image])
      .apply(([digest, image]) => checkedDigest(digest, image));
    this.registerOutputs({ digest: this.digest });
  }
}

/** The provider wants credentials even where the registry wants none; it speaks HTTP when the address says so. */
export function credentials({ address, username = "anonymous", password = "anonymous", insecure }: Registry) {
  const host = registryHost(address);
  return {
    address: speaksHttp(host, insecure) ? `http://${host}` : host,
    username,
    password: pulumi.secret(password),
  };
}
