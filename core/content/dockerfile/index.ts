import { needsNoDeclaration } from "./arguments";
import { type CanonicalInstruction, canonical } from "./canonical";
import { readOwnDockerfile } from "./frontend";
import { imageBehind, type Origin, type Plan, type PlanOptions } from "./plan";
import type { DockerfileText } from "./read";
import { readSources, type Source, wholeContext } from "./sources";
import { planStages } from "./stages";
import { Unsure } from "./unsure";
import { declarations } from "./variables";

export { pinImages } from "./pin";
export type { PlanOptions } from "./plan";
export type { Source } from "./sources";

/** What affects the image, according to the Dockerfile. */
export interface Reading {
  /** The instructions that lead to the target; the whole text if the reading is unsure. */
  dockerfile: CanonicalInstruction[] | string;
  /** The target's name, if the image depends on it. */
  target?: string;
  /** Why everything counts, in words; absent if the Dockerfile is certainly read as the builder reads it. */
  unsure?: string;
  sources: Source[];
  /** The given build arguments that reach the image. */
  args: Record<string, string>;
  /** Names of the named contexts in use, sorted. */
  contexts: string[];
  /**
   * External images that stages begin with, copy from or mount: as written, with variables replaced and no duplicates.
   * Absent if uncertain.
   */
  images?: string[];
  /** Images that stages begin with, also through a named context; empty if {@link images} is absent. */
  parents: string[];
  /** The ONBUILD instructions of the image; absent if uncertain. */
  onBuild?: string[];
  /** Whether any command runs, so that its network, hosts and so on count. */
  runs: boolean;
  /** The frontend image of a `# syntax=` line. */
  syntax?: string;
}

/**
 * Finds out what the build of a target reads. If that is uncertain, everything counts: the whole Dockerfile, all arguments,
 * and every context in full.
 */
export function analyse(text: string, options: PlanOptions): Reading {
  let plan: Plan | undefined;
  try {
    const file = readOwnDockerfile(text, options);
    plan = planStages(file, options);
    return precise(plan, file, options);
  } catch (error) {
    if (!(error instanceof Unsure)) throw error;
    const known = plan && { ...imagesOf(plan, options), ...onBuildOf(plan) };
    return { ...everything(text, options, error.message), ...known };
  }
}

function precise(plan: Plan, file: DockerfileText, options: PlanOptions): Reading {
  const named = originsOf(plan).flatMap((origin) => (origin.kind === "context" ? [origin.name] : []));
  const dockerfile = canonical(plan, file.escapeChar);
  return {
    dockerfile,
    // Only TARGETSTAGE depends on its name: the stages are already reduced to those of the target.
    ...(JSON.stringify(dockerfile).includes("TARGETSTAGE") && { target: plan.target }),
    sources: readSources(plan, file, options),
    args: usedArgs(plan, file.escapeChar, options.args),
    contexts: [...new Set(named)].sort(),
    ...imagesOf(plan, options),
    ...onBuildOf(plan),
    runs: plan.stages.some(({ instructions }) => instructions.some(({ keyword }) => keyword === "RUN")),
    ...(file.syntax !== undefined && { syntax: file.syntax }),
  };
}

function imagesOf(plan: Plan, options: PlanOptions): { images: string[]; parents: string[] } {
  const images = originsOf(plan).flatMap((origin) => (origin.kind === "image" ? [origin.image] : []));
  const parents = plan.stages.flatMap(({ from }) => imageBehind(from, options) ?? []);
  return { images: [...new Set(images)].sort(), parents: [...new Set(parents)].sort() };
}

/** The target's own ONBUILD instructions. Those of its base run in this build and are not passed on. */
function onBuildOf({ stages, targetIndex }: Plan): Pick<Reading, "onBuild"> {
  const triggers = stages[targetIndex]!.instructions.filter(({ keyword }) => keyword === "ONBUILD");
  if (triggers.some(({ heredocs }) => heredocs.length > 0)) return {};
  return { onBuild: triggers.map(({ text }) => text) };
}

function originsOf({ stages }: Plan): Origin[] {
  return stages.flatMap(({ from, instructions }) => [from, ...instructions.flatMap((i) => i.origins)]);
}

/**
 * An argument reaches the image if a stage declares it, a FROM line depends on it, or it needs no declaration.
 */
function usedArgs(plan: Plan, escapeChar: string, given: PlanOptions["args"]): Record<string, string> {
  const used = new Set(plan.globals.map(({ name }) => name));
  for (const { instructions } of plan.stages) {
    for (const { keyword, text } of instructions) {
      if (keyword === "ARG") for (const { name } of declarations(text, escapeChar)) used.add(name);
    }
  }
  return givenArgs(given, (name) => used.has(name) || needsNoDeclaration(name));
}

function everything(text: string, { args, contexts, target }: PlanOptions, why: string): Reading {
  return {
    dockerfile: text,
    ...(target !== undefined && { target }),
    unsure: why,
    sources: [undefined, ...contexts].map((context) => wholeContext(context, why)),
    args: givenArgs(args, () => true),
    contexts: [...contexts].sort(),
    parents: [],
    runs: true,
  };
}

/** The arguments with a given value, sorted. */
function givenArgs(
  args: Record<string, string | null>,
  counts: (name: string) => boolean,
): Record<string, string> {
  const given = Object.entries(args).filter((entry): entry is [string, string] => entry[1] !== null);
  return Object.fromEntries(given.filter(([name]) => counts(name)).sort());
}
