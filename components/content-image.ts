import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { BuildOptions } from "../core/compose/build";
import type { BuildSpec } from "../core/content";
import { contentTag } from "../core/images";
import type { BuildFolder } from "./build-folder";
import { followBuild } from "./build-progress";
import type { Bases } from "./built-bases";
import { userError } from "./user-error";

export interface ContentImageArgs {
  /** How the image is built. */
  build: BuildSpec;
  /** Options for the builder. They name only the sources of secrets, whose values never reach the state. */
  options: BuildOptions;
  /** Hash of exactly what the build can see, 64 hex digits. A changed hash replaces the image. */
  content: string;
  /** The image's repository, such as `registry.example.com/shop-web`. */
  repository: string;
  /** The folder that gives the build's paths the same names in every checkout. */
  folder: BuildFolder;
  /** How the builder finds the images of other services, once they are built; see `basesOf`. */
  bases?: Bases;
  /** When it was built. A build that was never deployed is built again, whatever became of it. */
  built: string;
  /**
   * Given if this run builds. The build's progress is then shown, and on failure the failing step's output. An image whose
   * context changed meanwhile is refused, because it would have the wrong name.
   */
  changedSince?: () => Promise<string | undefined>;
}

/** An image named by the content it was built from. */
export class ContentImage extends pulumi.ComponentResource {
  /** `repository:content-…`, known once the image is built. */
  readonly image: pulumi.Output<string>;
  /** The image ID (digest of its configuration), `sha256:` and 64 hex digits. */
  readonly imageId: pulumi.Output<string>;

  constructor(name: string, args: ContentImageArgs, opts?: pulumi.ComponentResourceOptions) {
    super("everfresh:index:ContentImage", name, {}, opts);
    const { build, options, content, folder, bases, built, changedSince } = args;

    const image = new docker.RemoteImage(
      `${name}-build`,
      {
        name: `${args.repository}:${contentTag(content)}`,
        triggers: { content, built },
        // Otherwise, replacing the resource would delete the old image, which rollback and the cache need.
        keepLocally: true,
        build: {
          context: folder.context,
          dockerfile: bases?.dockerfile ?? folder.dockerfile,
          buildLogFile: folder.log,
          buildArgs: Object.fromEntries(
            Object.entries(build.args).filter(([, value]) => value !== null),
          ) as Record<string, string>,
          // Not `labels`, which the provider (5.2.0) accepts and ignores.
          label: { ...build.labels, "dev.everfresh.content": content },
          additionalContexts: bases?.additionalContexts ?? folder.additionalContexts,
          secrets: options.secrets.map(({ id }) => folder.secret(id)),
          ...(build.target ? { target: build.target } : {}),
          ...(build.platforms[0] ? { platform: build.platforms[0] } : {}),
          ...(build.network ? { networkMode: build.network } : {}),
          // Compose prints `name=address`; the builder takes `name:address`.
          extraHosts: (build.extraHosts ?? []).map((host) => host.replace("=", ":")),
          ...(build.shmSize === undefined ? {} : { shmSize: Number(build.shmSize) }),
          ...(build.provenance === undefined ? {} : { provenance: String(build.provenance) }),
          ...(build.sbom === undefined ? {} : { sbom: String(build.sbom) }),
          noCache: options.noCache,
          // Bases from other services are pulled beforehand: the builder may not have the credentials for the registry.
          pullParent: options.pull && bases === undefined,
          cacheFroms: options.cacheFrom,
          cacheTos: options.cacheTo,
        },
      },
      { parent: this, ...(changedSince ? { hooks: followBuild(name, folder.log, this) } : {}) },
    );

    this.image = pulumi.all([image.name, image.imageId]).apply(async ([image]) => {
      const changed = await changedSince?.();
      if (changed === undefined) return image;
      throw userError(`${name}: ${changed} changed while it was being built; run \`pulumi up\` again`);
    });
    this.imageId = this.image.apply(() => image.imageId);
    this.registerOutputs({ image: this.image, imageId: this.imageId });
  }
}
