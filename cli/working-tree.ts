import { readCompose } from "../adapters/compose";
import { type ComposeText, readProject } from "../core/compose/project";
import { ContentError, type ContentIdentity, identify } from "../core/content";
import { Problems } from "../core/problems";

/** Where the compose project of a working tree is described. */
export interface WorkingTreeSource {
  composeFiles: string[];
  projectName?: string;
  envFile?: string;
  fresh?: string;
}

/**
 * What the working tree would build: the identity of each service with a `build:` section.
 *
 * @param only - this service alone.
 * @throws Problems for what is wrong with the compose file or with a build's context.
 */
export async function identifyServices(
  source: WorkingTreeSource,
  { only, text }: { only?: string; text?: ComposeText } = {},
): Promise<Record<string, ContentIdentity>> {
  const project = readProject(text ?? (await readCompose(source)));
  const builds = project.services.filter(({ name, build }) => build && (only === undefined || name === only));
  const problems: string[] = [];
  const entries = await Promise.all(
    builds.map(async ({ name, build }) => {
      try {
        return [[name, await identify(build!, { fresh: source.fresh })] as const];
      } catch (error) {
        if (!(error instanceof ContentError)) throw error;
        problems.push(`services.${name}.build: ${error.message}`);
        return [];
      }
    }),
  );
  if (problems.length > 0) throw new Problems(problems);
  return Object.fromEntries(entries.flat());
}
