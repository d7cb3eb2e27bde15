import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { fingerprint } from "../core/files";
import type * as wire from "../core/host/types";
import { own } from "../core/records";
import { assembleRelease, type Ingredients, imageName, releaseKeepers } from "../core/release/assemble";
import type { Deployed, Deployer, Provenance, PushedImage } from "../core/release/deployed";
import type { ImageDecisions } from "../core/release/images";
import type { Plan } from "../core/release/plan";
import type { ServiceImage } from "./service-image";
import { declareUntouchedRelease } from "./untouched";

/** A release as the hosts are told of it. */
export interface DeployableRelease {
  /** Names the release on the hosts. */
  id: pulumi.Output<string>;
  /** Absent for an earlier release: the hosts know it. */
  provenance?: pulumi.Output<Provenance>;
  /** The layers of images, by their names on the hosts, as far as they are known. */
  layers: pulumi.Output<Record<string, wire.Layers>>;
  /** Passes the release to `use` once all of it is known. What comes of it is secret, as its files may be. */
  apply(
    use: (release: wire.DeployRequest["release"], deployer: Deployer) => Promise<string>,
  ): pulumi.Output<string>;
}

/** Asks the registry for an image's layers, once it is there. */
export type LayersOf = (image: string, platform?: string) => Promise<wire.Layers | undefined>;

/**
 * Declares the release of a plan.
 *
 * @param images - of the services that are built.
 * @param key - keys the fingerprints of its files, so that they reveal nothing about a secret's value; hex.
 */
export function declareRelease(
  { release, images: decisions, provenance, deployed }: Plan,
  images: Record<string, ServiceImage>,
  key: pulumi.Input<string>,
  layersOf: LayersOf,
): DeployableRelease {
  switch (release.kind) {
    case "pinned":
      if (deployed.madeRelease !== undefined) declareUntouchedRelease();
      return keptRelease(release, provenance, deployed.layers);
    case "current":
      return new Release("release", {
        ingredients: release.ingredients,
        decisions,
        images,
        key,
        provenance,
        deployed,
        layersOf,
      });
  }
}

/**
 * An earlier release that the hosts still keep: nothing of the working tree is deployed.
 *
 * @param layers - what is known so far, for the release that comes after it.
 */
export function keptRelease(
  { id, project }: { id: string; project: string },
  deployer: Deployer,
  layers: Record<string, wire.Layers> = {},
): DeployableRelease {
  return {
    id: pulumi.output(id),
    layers: pulumi.output(layers),
    apply: (use) => pulumi.output(use({ kept: id, project }, deployer)),
  };
}

export interface ReleaseArgs {
  ingredients: Ingredients;
  /** What became of the images: the release's id depends on it. */
  decisions: ImageDecisions;
  images: Record<string, ServiceImage>;
  key: pulumi.Input<string>;
  /** Where this release comes from, if it is a new one. */
  provenance: Provenance;
  /** What the stack deployed before: a release that stays the same keeps its provenance and its layers. */
  deployed: Pick<Deployed, "madeRelease" | "provenance" | "layers">;
  layersOf: LayersOf;
}

/**
 * What is deployed together: images, compose file, mounted files. Its id changes exactly when one of them does, and
 * `preview` names which.
 */
export class Release extends pulumi.ComponentResource implements DeployableRelease {
  readonly id: pulumi.Output<string>;
  readonly provenance: pulumi.Output<Provenance>;
  /**
   * The layers of each image, by its name on the hosts. As long as the release stays the same nobody is asked again,
   * so that an answer that fails or moves is no change.
   */
  readonly layers: pulumi.Output<Record<string, wire.Layers>>;
  /** Of its files, in their order: each is read once for it, however many hosts there are. */
  readonly #fingerprints: pulumi.Output<string[]>;
  readonly #args: ReleaseArgs;

  constructor(name: string, args: ReleaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("everfresh:index:Release", name, { project: args.ingredients.project.name }, opts);
    const { ingredients, decisions, images, provenance, deployed } = args;
    this.#args = args;

    // A release comes to be once its images are in the registry: a build that fails leaves the one before it. In preview
    // nothing is waited for, so that it can say what the release would depend on.
    const pushed = pulumi.runtime.isDryRun() ? [] : Object.values(images).map(({ digest }) => digest);
    this.#fingerprints = pulumi
      .output(args.key)
      .apply((key) => ingredients.files.map(({ entries }) => fingerprint(entries, key)));
    const keepers = pulumi
      .all([args.key, this.#fingerprints, pushed])
      .apply(([key, fingerprints]) => releaseKeepers(ingredients, decisions, key, fingerprints));
    const id = new random.RandomId(
      `${name}-id`,
      { byteLength: 4, keepers: pulumi.unsecret(keepers) },
      { parent: this },
    );

    this.id = id.hex;
    this.provenance = this.id.apply((id) =>
      deployed.madeRelease === id && deployed.provenance ? deployed.provenance : provenance,
    );
    this.layers = pulumi
      .all([this.id, images])
      .apply(async ([id, images]) =>
        deployed.madeRelease === id ? deployed.layers : readLayers(args, images),
      );
    this.registerOutputs({ id: this.id, provenance: this.provenance });
  }

  apply(use: (release: wire.Release, deployer: Deployer) => Promise<string>): pulumi.Output<string> {
    return pulumi
      .all([this.id, this.#fingerprints, this.#args.images, this.provenance, this.layers])
      .apply(([id, fingerprints, images, provenance, layers]) =>
        use(
          assembleRelease(this.#args.ingredients, { id, fingerprints, images, layers, provenance }),
          provenance,
        ),
      );
  }
}

/** Asks for the layers of all images at once; those that were known before are not asked for again. */
async function readLayers(
  { ingredients: { project, followed }, deployed, layersOf }: ReleaseArgs,
  images: Readonly<Record<string, PushedImage>>,
): Promise<Record<string, wire.Layers>> {
  const asked = project.services.map(async (service) => {
    const image = imageName(service, images, followed);
    const platform = service.build?.platforms[0] ?? own(project.document.services, service.name)?.platform;
    const layers = own(deployed.layers, image) ?? (await layersOf(image, platform));
    return layers === undefined ? [] : [[image, layers] as const];
  });
  return Object.fromEntries((await Promise.all(asked)).flat());
}
