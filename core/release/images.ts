import { secretArguments } from "../compose/secret-args";
import { remarks } from "../content";
import { movedTo } from "../images";
import { mapValues, own } from "../records";
import type { Registry } from "../settings";
import type { IdentifiedBuild } from "./builds";
import type { Deployed, PushedImage } from "./deployed";

/** What becomes of a service's image. */
export type ImageDecision =
  /** The stack has already deployed this content. */
  | { kind: "kept"; image: PushedImage }
  /** The registry already has this content, whoever built it. */
  | { kind: "inRegistry"; image: PushedImage; cause: string }
  /** Another service has the same content, so both share one image. */
  | { kind: "sameAs"; service: string; content: string; cause: string }
  | { kind: "build"; build: IdentifiedBuild; place: ImagePlace; noCache: boolean; cause: string }
  /** Another stack has proved it. */
  | { kind: "promoted"; image: PushedImage };

export type ImageDecisions = Readonly<Record<string, ImageDecision>>;

/** The content hash that a decision is about. */
export function contentOf(decision: ImageDecision): string {
  if ("image" in decision) return decision.image.content;
  return decision.kind === "build" ? decision.build.identity.content : decision.content;
}

/** Whether an image differs from the stack's last one. */
export const isNew = ({ kind }: ImageDecision): boolean =>
  kind === "inRegistry" || kind === "sameAs" || kind === "build";

/** What is known about a build's content before the decision on its image. */
export type ContentFacts =
  | { kind: "deployed"; image: PushedImage }
  | {
      kind: "new";
      build: IdentifiedBuild;
      place: ImagePlace;
      cause: string;
      noCache: boolean;
      /** The registry's image of this content, if there is one. */
      found: PushedImage | undefined;
    };

/** Where a service's image belongs: its repository as this machine reaches it, and as the hosts do. */
export interface ImagePlace {
  push: string;
  pull: string;
}

/**
 * The stack's deployed image of a content, if it is still where it was pushed.
 *
 * @returns undefined if the registry has to be asked: the content or the registry is a different one, or
 * `pulumi refresh` found a part of the image missing.
 */
export function deployedImage(
  service: string,
  content: string,
  deployed: Deployed,
  { address, pullAddress }: Pick<Registry, "address" | "pullAddress">,
  { push }: ImagePlace,
): PushedImage | undefined {
  const image = own(deployed.images, service);
  if (image?.content !== content) return undefined;
  if (deployed.registry !== undefined && deployed.registry !== address) return undefined;
  const resources = own(deployed.imageResources, service);
  if (resources && !(resources.whole && resources.repository === push)) return undefined;
  return { ...image, ref: movedTo(pullAddress, image.ref) };
}

/** Whether a new content is built without the cache. A nonce takes effect when it changes. */
export const wantsNoCache = (
  { name, buildOptions }: IdentifiedBuild,
  fresh: string | undefined,
  deployed: Deployed,
): boolean => buildOptions.noCache || (fresh !== undefined && fresh !== own(deployed.fresh, name));

/**
 * Decides what becomes of each image. One content is built once, because two builds of it may have different digests.
 * An image that the stack has deployed is kept.
 */
export function decideImages(
  contents: Readonly<Record<string, ContentFacts>>,
): Record<string, ImageDecision> {
  const owners = contentOwners(contents);
  return mapValues(contents, (facts, name): ImageDecision => {
    if (facts.kind === "deployed") return { kind: "kept", image: facts.image };
    const { build, place, cause, noCache, found } = facts;
    const { content } = build.identity;
    const owner = owners.get(content)!;
    if (owner !== name) return { kind: "sameAs", service: owner, content, cause };
    if (found && !noCache) return { kind: "inRegistry", image: found, cause };
    return { kind: "build", build, place, noCache, cause };
  });
}

/** For each content, the service whose image is used. */
function contentOwners(contents: Readonly<Record<string, ContentFacts>>): Map<string, string> {
  const owners = new Map<string, string>();
  const ranked = Object.entries(contents).sort(([, a], [, b]) => rank(a) - rank(b));
  for (const [name, facts] of ranked) {
    const content = facts.kind === "deployed" ? facts.image.content : facts.build.identity.content;
    if (!owners.has(content)) owners.set(content, name);
  }
  return owners;
}

/** Order of preference: a deployed image, one to be built without cache, one in the registry, any other. */
function rank(facts: ContentFacts): number {
  if (facts.kind === "deployed") return 0;
  if (facts.noCache) return 1;
  return facts.found ? 2 : 3;
}

/** What becomes of a changed image, and why; undefined for an unchanged one. */
export function describeDecision(service: string, decision: ImageDecision): string | undefined {
  switch (decision.kind) {
    case "kept":
    case "promoted":
      return undefined;
    case "inRegistry":
      return `${service}: ${decision.cause}; the registry has this content, so nothing is built`;
    case "sameAs":
      return `${service}: ${decision.cause}; it has the same content as ${decision.service}, and shares its image`;
    case "build":
      return `${service}: ${decision.cause}`;
  }
}

/** Warnings about the builds, whatever becomes of the images. */
export function buildWarnings(builds: readonly IdentifiedBuild[], decisions: ImageDecisions): string[] {
  return [
    ...builds.flatMap(({ name, build }) => secretArguments(name, build.args)),
    ...remarks(
      builds.map(({ name, build, identity }) => {
        const decision = own(decisions, name);
        const buildsWithoutCache = decision?.kind === "build" && decision.noCache;
        return { service: name, spec: build, identity, buildsWithoutCache };
      }),
    ),
  ];
}
