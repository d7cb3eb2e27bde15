import { createHmac } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { ComposeProject } from "../core/compose/project";
import { renderCompose } from "../core/compose/render";
import { type FileTree, fingerprint } from "../core/files";
import type * as wire from "../core/host/types";
import { mapValues, own } from "../core/records";
import { assembleRelease, type KnownImages } from "../core/release/assemble";

export interface ReleaseArgs {
  project: ComposeProject;
  /** Every file the compose file mounts, read whole. */
  files: FileTree[];
  /** What it mounts of the hosts' own, by the source of the bind mount. */
  hostPaths: ReadonlyMap<string, wire.HostPath>;
  /**
   * The image of each service that is built, or was. The release hangs on its content; on its digest where that is plain
   * text, known beforehand, as another stack may have the same content under another digest.
   */
  images: Record<string, { content: string; digest: pulumi.Input<string>; ref: pulumi.Input<string> }>;
  /** The images of services that follow a tag, by digest: `redis:7@sha256:…`. */
  followed?: Readonly<Record<string, string>>;
  /** Changing it makes another release, and recreates every container. */
  forceRecreate?: string;
  /** Keys the fingerprints of its files, so that they tell nothing about a secret's value; hex. */
  key: pulumi.Input<string>;
  /** Where this release comes from, if it is a new one. */
  provenance: Provenance;
  /** What the stack deployed before: a release that stays the same keeps its provenance. */
  previous?: { release?: string; source?: Provenance; layers?: Record<string, wire.Layers> };
  /** Asks the registry for an image's layers, once it is there. Default: nobody knows them. */
  layersOf?: (image: string, platform?: string) => Promise<wire.Layers | undefined>;
}

/** Who deploys, for the ledger. */
export interface Deployer {
  who: string;
  /** The machine it is deployed from. */
  from: string;
}

/** Where a release comes from, for people and for the ledger. */
export interface Provenance extends Deployer {
  tag: string;
  commit?: string;
  dirty?: boolean;
}

/** A release as the hosts are told of it. */
export interface DeployableRelease {
  id: pulumi.Output<string>;
  /** Of a release that the hosts kept, only they know it. */
  provenance?: pulumi.Output<Provenance>;
  /** The layers of images, by their names on the hosts, as far as they are known. */
  layers: pulumi.Output<Record<string, wire.Layers>>;
  /** Passes the release to `use` once all of it is known. What comes of it is secret, as its files may be. */
  apply(
    use: (release: wire.DeployRequest["release"], deployer: Deployer) => Promise<string>,
  ): pulumi.Output<string>;
}

/**
 * An earlier release that the hosts still keep: nothing of the working tree is deployed.
 *
 * @param layers - what is known so far, for the release that comes after it.
 */
export function keptRelease(
  id: string,
  project: string,
  deployer: Deployer,
  layers: Record<string, wire.Layers> = {},
): DeployableRelease {
  return {
    id: pulumi.output(id),
    layers: pulumi.output(layers),
    apply: (use) => pulumi.output(use({ kept: id, project }, deployer)),
  };
}

/**
 * What is deployed together: images, compose file, mounted files. Its id changes exactly when one of them does, and
 * `preview` names which.
 */
export class Release extends pulumi.ComponentResource implements DeployableRelease {
  /** Names the release on the hosts. */
  readonly id: pulumi.Output<string>;
  readonly provenance: pulumi.Output<Provenance>;
  /**
   * The layers of each image, by its name on the hosts. As long as the release stays the same nobody is asked again,
   * so that an answer that fails or moves is no change.
   */
  readonly layers: pulumi.Output<Record<string, wire.Layers>>;
  /** Of its files, in their order: each is read once for it, however many hosts there are. */
  readonly #fingerprints: pulumi.Output<string[]>;

  constructor(
    name: string,
    private readonly args: ReleaseArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("everfresh:index:Release", name, { project: args.project.name }, opts);
    const { provenance, previous } = args;

    // A release comes to be once its images are in the registry: a build that fails leaves the one before it. In preview
    // nothing is waited for, so that it can say what the release would hang on.
    const pushed = pulumi.runtime.isDryRun() ? [] : Object.values(args.images).map(({ digest }) => digest);
    this.#fingerprints = pulumi
      .output(args.key)
      .apply((key) => args.files.map(({ entries }) => fingerprint(entries, key)));
    const hungOn = pulumi
      .all([args.key, this.#fingerprints, pushed])
      .apply(([key, fingerprints]) => keepers(args, key, fingerprints));
    const id = new random.RandomId(
      `${name}-id`,
      { byteLength: 4, keepers: pulumi.unsecret(hungOn) },
      { parent: this },
    );

    this.id = id.hex;
    this.provenance = this.id.apply((id) =>
      previous?.release === id && previous.source ? previous.source : provenance,
    );
    this.layers = pulumi
      .all([this.id, args.images])
      .apply(async ([id, images]) =>
        previous?.release === id ? (previous.layers ?? {}) : allLayers(args, images, previous?.layers),
      );
    this.registerOutputs({ id: this.id, provenance: this.provenance });
  }

  apply(use: (release: wire.Release, deployer: Deployer) => Promise<string>): pulumi.Output<string> {
    return pulumi
      .all([this.id, this.#fingerprints, this.args.images, this.provenance, this.layers])
      .apply(([id, fingerprints, images, provenance, layers]) =>
        use(assembleRelease(this.args, { id, fingerprints, images, layers, ...provenance }), provenance),
      );
  }
}

/** Asks for the layers of all images at once; those that were known before are not asked for again. */
async function allLayers(
  { project, followed = {}, layersOf }: ReleaseArgs,
  images: KnownImages,
  known: Record<string, wire.Layers> = {},
): Promise<Record<string, wire.Layers>> {
  const asked = project.services.map(async ({ name, image, build }) => {
    const ref = own(images, name)?.ref ?? own(followed, name) ?? image!;
    const platform = build?.platforms[0] ?? own(project.document.services, name)?.platform;
    const layers = own(known, ref) ?? (await layersOf?.(ref, platform));
    return layers === undefined ? [] : [[ref, layers] as const];
  });
  return Object.fromEntries((await Promise.all(asked)).flat());
}

/** What the release's id hangs on, by names that a person understands. */
function keepers(
  { project, files, hostPaths, images, followed = {}, forceRecreate }: ReleaseArgs,
  key: string,
  fingerprints: readonly string[],
): Record<string, string> {
  const compose = renderCompose(project, {
    images: mapValues({ ...followed, ...images }, (_, service) => service),
    // What is in the files has keepers of its own.
    files: new Map(files.map(({ file }) => [file.key, `${file.where}/-`])),
    hostPaths,
    forceRecreate,
  });
  const checks = JSON.stringify(project.services.map(({ name, verify }) => [name, verify]));
  return {
    ...Object.fromEntries(
      Object.entries(images).map(([service, { content, digest }]) => [
        `image ${service}`,
        typeof digest === "string" ? digest : content,
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(followed).map(([service, ref]) => [`image ${service}`, ref.slice(ref.indexOf("@") + 1)]),
    ),
    ...Object.fromEntries(files.map(({ file }, i) => [file.where, fingerprints[i]!.slice(0, 16)])),
    "compose file": createHmac("sha256", key).update(compose).update(checks).digest("hex").slice(0, 16),
  };
}
