import { own } from "../../records";
import { canonical } from "./canonical";
import { readOwnDockerfile } from "./frontend";
import type { DockerfileText } from "./read";
import { type Origin, originNames, type Plan, type PlanOptions, planStages } from "./stages";
import { Unsure } from "./unsure";

/**
 * A Dockerfile with images in the places of named contexts, for builders that know no named contexts (Docker before 23).
 *
 * What comes of it is read again and compared, so that it is what the builder would build with the contexts.
 *
 * @param refs - the images, `repository@digest`, by the names of the contexts.
 * @returns undefined where that is not certain
 */
export function pinImages(
  source: string,
  options: PlanOptions,
  refs: Readonly<Record<string, string>>,
): string | undefined {
  try {
    const file = readOwnDockerfile(source, options);
    const plan = planStages(file, options);
    const pinned = edited(source, file, plan, refs);
    const after = readOwnDockerfile(pinned, options);
    const rest = { ...options, onBuild: { ...options.onBuild, ...onBuildByRef(options, refs) } };
    const same = stagesOf(plan, file, refs) === stagesOf(planStages(after, rest), after, {});
    return same ? pinned : undefined;
  } catch (error) {
    if (error instanceof Unsure) return undefined;
    throw error;
  }
}

function edited(
  source: string,
  { instructions }: DockerfileText,
  { stages }: Plan,
  refs: Readonly<Record<string, string>>,
): string {
  const lines = source.split(/(?<=\n)/);
  const edit = (line: number, pattern: RegExp, ref: string) => {
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
    if (ref !== undefined) edit(stage.line, /^(\s*FROM\s+(?:--\S+\s+)*)[^\s\\]+/i, ref);
    for (const instruction of stage.instructions) {
      for (const [i, name] of originNames(instruction).entries()) {
        const ref = refOf(instruction.origins[i]!, refs);
        if (ref !== undefined)
          edit(instruction.line, new RegExp(`(\\bfrom=["']?)${escaped(name)}(?=[\\s,"']|$)`, "i"), ref);
      }
    }
  }
  return lines.join("");
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

const refOf = (origin: Origin, refs: Readonly<Record<string, string>>) =>
  origin.kind === "context" ? own(refs, origin.name) : undefined;

/** An image has the same ONBUILD instructions under its other name. */
function onBuildByRef({ onBuild = {}, contextImages }: PlanOptions, refs: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(refs).flatMap(([name, ref]) => {
      const image = own(contextImages, name) ?? "";
      return Object.hasOwn(onBuild, image) ? [[ref, onBuild[image]]] : [];
    }),
  );
}

/** What is built, with the images in the places of the contexts. An argument that only named one of them is not needed any more. */
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
