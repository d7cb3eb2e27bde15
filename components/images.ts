import * as pulumi from "@pulumi/pulumi";
import type { Outside } from "../adapters/outside";
import { mapValues, own } from "../core/records";
import { changedSince } from "../core/release/builds";
import { describeDecision, type ImageDecision } from "../core/release/images";
import type { Plan } from "../core/release/plan";
import type { Registry, Settings } from "../core/settings";
import { makeBuildFolder } from "./build-folder";
import { basesOf, isPinned } from "./built-bases";
import { ContentImage } from "./content-image";
import { type PushAccess, pushAccess } from "./push-access";
import { RegistryPush } from "./registry-push";
import type { ServiceImage } from "./service-image";
import { declareUntouchedImage } from "./untouched";
import { withoutStackTrace } from "./user-error";

/**
 * Declares the images of a plan: builds and pushes those that the plan builds, and leaves the others as they are.
 *
 * @returns the image of each service with a build; for a pinned release, those that the stack deployed last.
 */
export function declareImages(
  plan: Plan,
  settings: Settings,
  outside: Pick<Outside, "pullImage" | "pushLogin" | "useLocalRegistry">,
): Record<string, ServiceImage> {
  const accessOf = pushAccess(plan, settings, outside);
  for (const image of plan.untouched) declareUntouchedImage(image, accessOf(image.resources.repository));
  if (plan.release.kind === "pinned") return plan.deployed.images;
  const images = new Map<string, ServiceImage>();
  /** Declares an image after the images that it is built on or shares. */
  const declare = (service: string): ServiceImage => {
    const image = images.get(service) ?? declareImage(service);
    images.set(service, image);
    return image;
  };
  const declareImage = (service: string): ServiceImage => {
    const decision = own(plan.images, service)!;
    if (decision.kind === "build")
      return buildImage(service, decision, {
        plan,
        registry: settings.registry!,
        accessOf,
        pullBase: settings.pullBase,
        outside,
        imageOf: declare,
      });
    const text = describeDecision(service, decision);
    if (text) void pulumi.log.info(text);
    return decision.kind === "sameAs" ? declare(decision.service) : decision.image;
  };
  return mapValues(plan.images, (_, service) => declare(service));
}

interface BuildContext {
  plan: Plan;
  registry: Registry;
  /** Returns the login for a repository. */
  accessOf: (repository: string) => PushAccess;
  /** Whether base images are pulled again. */
  pullBase: boolean;
  outside: Pick<Outside, "pullImage" | "useLocalRegistry">;
  /** Returns the image of another service that this build needs. */
  imageOf: (service: string) => ServiceImage;
}

function buildImage(
  service: string,
  decision: ImageDecision & { kind: "build" },
  { plan, registry, accessOf, pullBase, outside, imageOf }: BuildContext,
): ServiceImage {
  const { build, place, noCache } = decision;
  const { build: spec, buildOptions } = build;
  const { content } = build.identity;
  const now = !pulumi.runtime.isDryRun();
  const pull = buildOptions.pull || pullBase;
  const folder = makeBuildFolder(pulumi.getStack(), service, spec, content, buildOptions.secrets, {
    pinned: isPinned(build),
    builds: now,
  });
  const image = new ContentImage(service, {
    build: spec,
    options: { ...buildOptions, noCache, pull },
    content,
    built: new Date().toISOString(),
    repository: place.push,
    folder,
    bases: basesOf({ build, imageOf, registry, builds: now, pull, outside }, folder),
    ...(now ? { changedSince: () => changedSince(build) } : {}),
  });
  void pulumi.log.info(describeDecision(service, decision)!, image);
  const { digest } = new RegistryPush(service, {
    image: now ? whileRegistryRuns(image.image, registry, outside) : image.image,
    imageId: image.imageId,
    content,
    repository: place.push,
    tag: plan.provenance.tag,
    access: accessOf(place.push),
  });
  return { content, digest, ref: pulumi.interpolate`${place.pull}@${digest}` };
}

/** The image, once there is a registry to push it to. */
const whileRegistryRuns = (
  image: pulumi.Output<string>,
  { local }: Registry,
  { useLocalRegistry }: Pick<Outside, "useLocalRegistry">,
): pulumi.Output<string> =>
  image.apply(async (name) => {
    if (local) await useLocalRegistry(local).catch(withoutStackTrace);
    return name;
  });
