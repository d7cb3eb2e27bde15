import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { fingerprint } from "../core/files";
import type * as wire from "../core/host/types";
import { own } from "../core/records";
import {
  assembleRelease,
  type Ingredients,
  imageOnHosts,
  imageRef,
  releaseKeepers,
} from "../core/release/assemble";
import type { Deployed, Deployer, Provenance, PushedImage } from "../core/release/deployed";
import type { ImageDecisions } from "../core/release/images";
import type { Plan } from "../core/release/plan";
import type { ServiceImage } from "./service-image";
import { declareUntouchedRelease } from "./untouched";

/** A release as it is sent to the hosts. */
export interface DeployableRelease {
  /** The release's id on the hosts. */
  id: pulumi.Output<string>;
  /** Absent for an earlier release, whose provenance the hosts know. */
  provenance?: pulumi.Output<Provenance>;
  /** The layers of the images, by their names on the hosts, as far as known. */
  layers: pulumi.Output<Record<string, wire.Layers>>;
  /** The repositories of its images in the registry, without the registry's address. */
  repositories: pulumi.Output<string[]>;
  /** Passes the release to `use` once all of it is known. The result is secret, because the release's files may be. */
  apply(
    use: (release: wire.DeployRequest["release"], deployer: Deployer) => Promise<string>,
  ): pulumi.Output<string>;
}

/** Asks the registry for an image's layers, once the image is pushed. */
export type LayersOf = (image: string, platform?: string) => Promise<wire.Layers | undefined>;

/**
 * Declares the release of a plan.
 *
 * @param images - of the services with a build.
 * @param key - keys the fingerprints of the files, so that they reveal nothing about a secret's value; hex.
 */
export function declareRelease(
  { release, images: decisions, provenance, deployed }: Plan,
  images: Record<string, ServiceImage>,
  key: pulumi.Input<string>,
  layersOf: LayersOf,
): DeployableRelease {
  switch (release.kind) {
    case "pinned":
      if (deployed.hasReleaseResource) declareUntouchedRelease(release.project);
      return keptRelease(release, provenance, deployed);
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
 * An earlier release that the hosts still keep. Nothing of the working tree is deployed.
 *
 * @param deployed - what the stack deployed last. The next release may need the layers that are known so far.
 */
export function keptRelease(
  { id, project }: { id: string; project: string },
  deployer: Deployer,
  { layers, images }: Pick<Deployed, "layers" | "images"> = { layers: {}, images: {} },
): DeployableRelease {
  return {
    id: pulumi.output(id),
    layers: pulumi.output(layers),
    repositories: pulumi.output(repositoriesOf(images)),
    apply: (use) => pulumi.output(use({ kept: id, project }, deployer)),
  };
}

export interface ReleaseArgs {
  ingredients: Ingredients;
  /** What the plan decided about the images. The release's id depends on it. */
  decisions: ImageDecisions;
  images: Record<string, ServiceImage>;
  key: pulumi.Input<string>;
  /** The provenance of this release if it is a new one. */
  provenance: Provenance;
  /** What the stack deployed before. An unchanged release keeps its provenance and its layers. */
  deployed: Pick<Deployed, "madeRelease" | "provenance" | "layers">;
  layersOf: LayersOf;
}

/**
 * What is deployed together: images, compose file, mounted files. Its id changes exactly when one of them does, and
 * `preview` shows which one.
 */
export class Release extends pulumi.ComponentResource implements DeployableRelease {
  readonly id: pulumi.Output<string>;
  readonly provenance: pulumi.Output<Provenance>;
  /**
   * The layers of each image, by its name on the hosts. While the release stays the same, the registry is not asked again,
   * so a failed or different answer changes nothing.
   */
  readonly layers: pulumi.Output<Record<string, wire.Layers>>;
  readonly repositories: pulumi.Output<string[]>;
  /** The fingerprints of its files, in their order. Each file is read once, however many hosts there are. */
  readonly #fingerprints: pulumi.Output<string[]>;
  readonly #args: ReleaseArgs;

  constructor(name: string, args: ReleaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("everfresh:index:Release", name, { project: args.ingredients.project.name }, opts);
    const { ingredients, decisions, images, provenance, deployed } = args;
    this.#args = args;

    // A release is made once its images are in the registry, so a failed build leaves the previous release in place. A preview
    // does not wait, so that it can show what the release would depend on.
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
    this.repositories = pulumi.output(images).apply(repositoriesOf);
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

const repositoriesOf = (images: Readonly<Record<string, PushedImage>>): string[] =>
  Object.values(images).map(({ ref }) => ref.slice(ref.indexOf("/") + 1, ref.indexOf("@")));

/** Reads the layers of all images at once, and asks only for those that are not yet known. */
async function readLayers(
  { ingredients, deployed, layersOf }: ReleaseArgs,
  images: Readonly<Record<string, PushedImage>>,
): Promise<Record<string, wire.Layers>> {
  const { project, followed } = ingredients;
  const asked = project.services.map(async (service) => {
    const image = imageOnHosts(service, images, ingredients);
    const platform = service.build?.platforms[0] ?? own(project.document.services, service.name)?.platform;
    const layers =
      own(deployed.layers, image) ?? (await layersOf(imageRef(service, images, followed), platform));
    return layers === undefined ? [] : [[image, layers] as const];
  });
  return Object.fromEntries((await Promise.all(asked)).flat());
}
