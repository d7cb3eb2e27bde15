import { readCompose } from "../adapters/compose";
import { ownFolder } from "../adapters/own-folder";
import type { ComposeText } from "../core/compose/document";
import { isBuilt } from "../core/compose/project";
import { readProject } from "../core/compose/read-project";
import { type ContentIdentity, StatCache } from "../core/content";
import { allOrEveryProblem } from "../core/problems";
import { own } from "../core/records";
import type { Registry } from "../core/settings";
import { readBases } from "../preflight/bases";
import { identifyBuilds } from "../preflight/images";

/** Where a working tree's compose project is, and what else affects its builds. */
export interface WorkingTreeSource {
  composeFiles: string[];
  projectName?: string;
  envFile?: string;
  fresh?: string;
  pullBase?: boolean;
  /** Its credentials are used for base images that are in this registry. */
  registry?: Registry;
}

/**
 * Identifies what the working tree would build, for each service with a `build:` section.
 *
 * @param only - identifies only this service.
 * @throws Problems with what is wrong with the compose file or a build's context.
 */
export async function identifyServices(
  source: WorkingTreeSource,
  { only, text }: { only?: string; text?: ComposeText } = {},
): Promise<Record<string, ContentIdentity>> {
  const project = readProject(text ?? (await readCompose(source)));
  const built = project.services.filter(isBuilt).filter(({ name }) => only === undefined || name === only);
  const others = project.services.filter(isBuilt).filter(({ name }) => only !== undefined && name !== only);
  const inactive = [...others.map((service) => ({ ...service, problems: [] })), ...project.inactive];
  const { builds, ...bases } = await readBases(built, source, inactive);
  // Nothing is deployed here, so a base image that cannot be looked up is assumed to have no ONBUILD instructions.
  const baseOnBuild = Object.fromEntries(
    Object.entries(bases.baseOnBuild ?? {}).filter(([, instructions]) => instructions !== undefined),
  );
  const cache = StatCache.open(ownFolder("cache"));
  const identified = identifyBuilds(builds, { fresh: source.fresh, ...bases, baseOnBuild, cache });
  const identities = await allOrEveryProblem(
    built.map(async ({ name }) => [name, (await own(identified, name)!).identity] as const),
  ).finally(() => cache.save());
  return Object.fromEntries(identities);
}
