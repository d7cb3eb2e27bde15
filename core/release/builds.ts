import type { ServiceBuild } from "../compose/project";
import {
  type ContentIdentity,
  changes,
  describe,
  type IdentifyOptions,
  identify,
  pinnedDockerfile,
} from "../content";
import { excerpt } from "../printable";

/** A build, with the other services whose images it begins with or copies from. */
export interface PlannedBuild extends ServiceBuild {
  /** The services behind those of its `service:` contexts that are in use. */
  bases: string[];
  /** The external images that it begins with or copies from, as far as they are certain. */
  images: string[];
}

/** A build with everything that its content hash was made from. */
export interface IdentifiedBuild extends PlannedBuild {
  identity: ContentIdentity;
  options: IdentifyOptions;
}

/** Identifies a build. */
export async function identifyBuild(build: PlannedBuild, options: IdentifyOptions): Promise<IdentifiedBuild> {
  return { ...build, options, identity: await identify(build.build, options) };
}

/**
 * Identifies a build again, with the same contents of the services that it is built upon.
 *
 * @returns what has changed since, in words; undefined if nothing has.
 */
export async function changedSince({
  build,
  options,
  identity,
}: IdentifiedBuild): Promise<string | undefined> {
  const now = await identify(build, options);
  return now.content === identity.content ? undefined : differences(identity, now);
}

/** A build's Dockerfile with the images of other services, by the names of their contexts; see {@link pinnedDockerfile}. */
export const pinned = ({ build, options }: IdentifiedBuild, refs: Readonly<Record<string, string>>) =>
  pinnedDockerfile(build, options, refs);

/**
 * Why an image is rebuilt.
 *
 * @param before - the deployed content; undefined if there is none.
 * @param known - what it was made from, if this checkout has built or compared it.
 */
export function causeOf(
  before: string | undefined,
  known: ContentIdentity | undefined,
  now: ContentIdentity,
): string {
  if (before === undefined) return "it was never deployed";
  if (before === now.content) return "its image is not known to be in this registry";
  return known
    ? differences(known, now)
    : `its content changed (this checkout has not seen ${before.slice(0, 12)})`;
}

/** An excerpt, because file names may contain any character. */
const differences = (before: ContentIdentity, now: ContentIdentity) =>
  excerpt(describe(changes(before, now)), 1000);
