import { own } from "../../records";
import { canonical } from "./canonical";
import { readOwnDockerfile } from "./frontend";
import { originNames } from "./origins";
import type { Origin, Plan, PlanOptions } from "./plan";
import type { DockerfileText } from "./read";
import { planStages } from "./stages";
import { Unsure } from "./unsure";

/**
 * Replaces named contexts in a Dockerfile by images, for builders without named contexts (Docker before 23).
 *
 * The result is read back and compared, to make sure that it builds the same as the original does with the contexts.
 *
 * @param refs - the images, `repository@digest`, by the names of the contexts.
 * @returns undefined if that is uncertain
 */
export function pinImages(
  source: string,
  options: PlanOptions,
  refs: Readonly<Record<string, string>>,
): string | undefined {
  try {
    const file = readOwnDockerfile(source, options);
    const plan = planStages(file, options);
    const pinned = replaceNames(source, file, plan, refs);
    const after = readOwnDockerfile(pinned, options);
    const rest = { ...options, onBuild: { ...options.onBuild, ...onBuildByRef(options, refs) } };
    const same = stagesOf(plan, file, refs) === stagesOf(planStages(after, rest), after, {});
    return same ? pinned : undefined;
  } catch (error) {
    if (error instanceof Unsure) return undefined;
    throw error;
  }
}

function replaceNames(
  source: string,
  { instructions }: DockerfileText,
  { stages }: Plan,
  refs: Readonly<Record<string, string>>,
): string {
  const lines = source.split(/(?<=\n)/);
  // Only the instruction's own lines, up to the next instruction.
  const replaceIn = (line: number, pattern: RegExp, ref: string) => {
    const next = instructions.find((other) => other.line > line)?.line ?? lines.length + 1;
    const text = lines.slice(line - 1, next - 1).join("");
    const kept = Array.from({ length: next - line - 1 }, () => "");
    lines.splice(
      line - 1,
      next - line,
      text.replace(pattern, (_, before) => before + ref),
      ...kept,
    );
  };
  for (const stage of stages) {
    const ref = refOf(stage.from, refs);
    if (ref !== undefined) replaceIn(stage.line, /^(\s*FROM\s+(?:--\S+\s+)*)[^\s\\]+/i, ref);
    for (const instruction of stage.instructions) {
      for (const [i, name] of originNames(instruction).entries()) {
        const ref = refOf(instruction.origins[i]!, refs);
        if (ref !== undefined)
          replaceIn(instruction.line, new RegExp(`(\\bfrom=["']?)${escaped(name)}(?=[\\s,"']|$)`, "i"), ref);
      }
    }
  }
  return lines.join("");
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

const refOf = (origin: Origin, refs: Readonly<Record<string, string>>) =>
  origin.kind === "context" ? own(refs, origin.name) : undefined;

/** The ONBUILD instructions of the images under their pinned names. */
function onBuildByRef({ onBuild = {}, contextImages }: PlanOptions, refs: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(refs).flatMap(([name, ref]) => {
      const image = own(contextImages, name) ?? "";
      return Object.hasOwn(onBuild, image) ? [[ref, onBuild[image]]] : [];
    }),
  );
}

/** The build as comparable text: images replace the contexts, globals are left out because pinning may make one unused. */
function stagesOf(
  plan: Plan,
  { escapeChar }: DockerfileText,
  refs: Readonly<Record<string, string>>,
): string {
  const instructions = canonical({ ...plan, globals: [] }, escapeChar).map(({ from, ...rest }) => ({
    ...rest,
    from: from?.map((origin) => {
      const ref = own(refs, origin.replace(/^context /, ""));
      return origin.startsWith("context ") && ref !== undefined ? `image ${ref}` : origin;
    }),
  }));
  return JSON.stringify([instructions, plan.targetIndex]);
}
