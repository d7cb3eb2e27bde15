import { mapValues, own } from "../records";
import type { Settings } from "../settings";
import type { Ingredients } from "./assemble";
import type { IdentifiedBuild } from "./builds";
import type { Deployed, ImageResources, Memory, Provenance } from "./deployed";
import { buildWarnings, type ContentFacts, decideImages, type ImageDecisions, isNew } from "./images";
import { promotedImages } from "./promoted";

/** Everything that is read before any resource is declared. */
export interface Observed {
  ingredients: Ingredients;
  /** Empty where nothing is built: for a pinned or a promoted release. */
  builds: readonly IdentifiedBuild[];
  contents: Readonly<Record<string, ContentFacts>>;
  /** The provenance that a new release would have. */
  provenance: Provenance;
  /** What the stack deployed last. */
  deployed: Deployed;
  /** What the stack named by `promoteFrom` deployed last. */
  promoted?: Deployed;
}

/** What `up` will do and `preview` shows. Nothing has been changed yet. */
export interface Plan {
  release: ReleasePlan;
  /** What becomes of the image of each service that is built. */
  images: ImageDecisions;
  /** Images that are not built now, but whose resources are in the state: they stay as they are. */
  untouched: UntouchedImage[];
  provenance: Provenance;
  deployed: Deployed;
  /** Warnings about the builds. */
  warnings: string[];
}

export interface UntouchedImage {
  service: string;
  resources: ImageResources;
}

export type ReleasePlan =
  /** An earlier release that the hosts still keep. */
  | { kind: "pinned"; id: string; project: string }
  /** The project as it is here; its id stays the same until something in it changes. */
  | { kind: "current"; ingredients: Ingredients; project: string };

/** @throws Problems for images that the promoted stack has not proved. */
export function planRelease(settings: Settings, observed: Observed): Plan {
  const { ingredients, builds, provenance, deployed } = observed;
  const images = planImages(settings, observed);
  const { name: project } = ingredients.project;
  const { release: pin } = settings;
  return {
    release:
      pin === undefined ? { kind: "current", ingredients, project } : { kind: "pinned", id: pin, project },
    images,
    untouched: untouchedImages(images, pin !== undefined, deployed),
    provenance,
    deployed,
    warnings: buildWarnings(builds, images),
  };
}

function planImages(
  { release, promoteFrom, registry }: Settings,
  { ingredients, contents, promoted }: Observed,
): ImageDecisions {
  if (release !== undefined) return {};
  return promoteFrom !== undefined && promoted
    ? promotedImages(ingredients.project, promoteFrom, promoted, registry!.pullAddress)
    : decideImages(contents);
}

/** A service without a decision was removed, unless a release is pinned: then there are no decisions at all. */
const untouchedImages = (
  images: ImageDecisions,
  isPinned: boolean,
  { imageResources }: Deployed,
): UntouchedImage[] =>
  Object.entries(imageResources).flatMap(([service, resources]) => {
    const decision = own(images, service);
    const isBuilt = decision === undefined ? !isPinned : decision.kind === "build";
    return resources.whole && !isBuilt ? [{ service, resources }] : [];
  });

/** Whether any image is built. */
export const buildsSomething = ({ images }: Plan): boolean =>
  Object.values(images).some(({ kind }) => kind === "build");

/** The services whose image differs from the stack's last one. */
export const newImages = ({ images }: Plan): string[] =>
  Object.keys(images).filter((service) => isNew(own(images, service)!));

/** The part of what the program remembers that the plan determines. */
export function planMemory(
  { release, images, deployed }: Plan,
  { fresh, registry }: Settings,
): Pick<Memory, "project" | "followed" | "fresh" | "registry"> {
  const { project } = release;
  if (release.kind === "pinned")
    return { project, followed: deployed.followed, fresh: deployed.fresh, registry: deployed.registry };
  // A promoted image belongs to the nonce of the other stack.
  const ours = Object.entries(images).filter(([, { kind }]) => kind !== "promoted");
  return {
    project,
    followed: release.ingredients.followed,
    fresh: fresh === undefined ? {} : mapValues(Object.fromEntries(ours), () => fresh),
    registry: registry?.address,
  };
}
