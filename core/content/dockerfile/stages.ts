import { own } from "../../records";
import { globalVariables, needsNoDeclaration } from "./arguments";
import { originNames } from "./origins";
import {
  imageBehind,
  type Origin,
  type Plan,
  type PlanOptions,
  type Stage,
  type StageInstruction,
} from "./plan";
import { type DockerfileText, type Instruction, readInstruction } from "./read";
import { Unsure } from "./unsure";
import { type Assignment, declarations, expand, type Variables } from "./variables";

/**
 * The stages that the target needs: those it is built upon, copies from or mounts, and in turn theirs. Follows
 * BuildKit's `dockerfile2llb` (`buildDispatchStates` and after).
 *
 * @throws Unsure
 */
export function planStages(file: DockerfileText, options: PlanOptions): Plan {
  const { escapeChar } = file;
  const { globals, stages: written } = split(file);
  const variables = globalVariables(globals, options, escapeChar);
  const target = targetOf(written, options.target);
  const needed = neededStages(target, { written, variables, escapeChar, options });
  const stages = numbered(needed, written);
  return {
    stages,
    target: options.target ?? written.at(-1)!.name ?? "default",
    targetIndex: [...needed.keys()].filter((at) => at < target).length,
    globals: neededGlobals(globals, stages, escapeChar),
  };
}

/** A stage as written in the file. */
interface WrittenStage {
  from: Instruction;
  image: string;
  name?: string;
  instructions: Instruction[];
}

/** What names in a stage are resolved with. */
interface Scope {
  written: WrittenStage[];
  /** The variables that FROM lines see. */
  variables: Variables;
  escapeChar: string;
  options: PlanOptions;
}

/** A stage with its names resolved. Other stages are given by their place in the file. */
type ResolvedStage = Pick<Stage, "from" | "instructions">;

function split(file: DockerfileText): { globals: Assignment[]; stages: WrittenStage[] } {
  const globals: Assignment[] = [];
  const stages: WrittenStage[] = [];
  for (const instruction of file.instructions) {
    const { keyword, text, line } = instruction;
    if (!KEYWORDS.has(keyword)) throw new Unsure(`line ${line} has an unknown instruction, ${keyword}`);
    if (keyword === "FROM") stages.push(begin(instruction));
    else if (stages.length > 0) stages.at(-1)!.instructions.push(instruction);
    else if (keyword === "ARG") globals.push(...declarations(text, file.escapeChar));
    else throw new Unsure(`line ${line} comes before the first FROM`);
  }
  if (stages.length === 0) throw new Unsure("it has no FROM");
  return { globals, stages };
}

function begin(from: Instruction): WrittenStage {
  const match = /^(\S+)(?:\s+as\s+(\S+))?$/i.exec(from.text);
  if (!match) throw new Unsure(`FROM in line ${from.line} is not complete`);
  const name = match[2]?.toLowerCase();
  return { from, image: match[1]!, ...(name !== undefined && { name }), instructions: [] };
}

/** The target's index in the file. */
function targetOf(written: WrittenStage[], target: string | undefined): number {
  if (target === undefined) return written.length - 1;
  const index = written.findLastIndex((stage) => stage.name === target.toLowerCase());
  if (index < 0) throw new Unsure(`it has no stage ${target}`);
  return index;
}

/** The stages that the target needs, by their index in the file. */
function neededStages(target: number, scope: Scope): Map<number, ResolvedStage & Pick<Stage, "base">> {
  const needed = new Map<number, ResolvedStage & Pick<Stage, "base">>();
  add(target, true);
  return needed;

  function add(at: number, base: boolean): void {
    const known = needed.get(at);
    if (known) {
      known.base ||= base;
      if (base && known.from.kind === "stage") add(known.from.index, true);
      return;
    }
    const { from, instructions } = resolveStage(at, scope);
    needed.set(at, { from, instructions, base });
    if (from.kind === "stage") add(from.index, base);
    for (const { origins } of instructions)
      for (const origin of origins) if (origin.kind === "stage") add(origin.index, false);
  }
}

function resolveStage(at: number, scope: Scope): ResolvedStage {
  const { from: line, image, name, instructions } = scope.written[at]!;
  for (const flag of line.flags) {
    if (!flag.startsWith("--platform="))
      throw new Unsure(`FROM in line ${line.line} has an unknown flag ${flag}`);
  }
  // A named context with the name of a stage replaces the whole stage.
  const replacement = name !== undefined && contextNamed(name, scope.options);
  if (replacement) return { from: { kind: "context", name: replacement }, instructions: [] };
  const from = originNamed(expand(image, scope.variables, scope.escapeChar), scope, { above: at });
  const all = [...triggersOf(from, line.line, scope), ...instructions];
  return { from, instructions: all.map((each) => ({ ...each, origins: originsOf(each, scope) })) };
}

/** The ONBUILD instructions of what a stage begins with. */
function triggersOf(from: Origin, line: number, { written, escapeChar, options }: Scope): Instruction[] {
  if (from.kind === "stage") {
    return written[from.index]!.instructions.filter(({ keyword }) => keyword === "ONBUILD").map(
      (instruction) => trigger(instruction, escapeChar),
    );
  }
  const image = imageBehind(from, options);
  if (image === undefined) return [];
  const known = own(options.onBuild, image);
  if (known) return known.map((text) => trigger({ text, heredocs: [], line }, escapeChar));
  const isUnknown = options.onBuild !== undefined && Object.hasOwn(options.onBuild, image);
  if (isUnknown || /onbuild/i.test(image))
    throw new Unsure(`it is not known whether ${image} has ONBUILD instructions`);
  return [];
}

/** What an ONBUILD instruction runs. */
function trigger(
  { text, heredocs, line }: Pick<Instruction, "text" | "heredocs" | "line">,
  escapeChar: string,
): Instruction {
  const instruction = readInstruction(text, escapeChar, line);
  if (!instruction) throw new Unsure(`ONBUILD in line ${line} is empty`);
  return { ...instruction, heredocs };
}

function originsOf(instruction: Instruction, scope: Scope): Origin[] {
  const { keyword, line } = instruction;
  return originNames(instruction).map((name) => {
    if (name.includes("$")) throw new Unsure(`from= in line ${line} has a variable`);
    if (keyword !== "COPY" || !/^\d+$/.test(name)) return originNamed(name, scope);
    if (Number(name) >= scope.written.length)
      throw new Unsure(`there is no stage ${name}, which line ${line} names`);
    return { kind: "stage", index: Number(name) };
  });
}

/**
 * What a name stands for: a stage first, then a named context, then an image.
 *
 * @param from for a FROM line, which sees only the stages above it and is case-sensitive
 */
function originNamed(name: string, { written, options }: Scope, from?: { above: number }): Origin {
  if (name === "") throw new Unsure("FROM names nothing");
  const visible = from ? written.slice(0, from.above) : written;
  const index = visible.findLastIndex((stage) => stage.name === (from ? name : name.toLowerCase()));
  if (index >= 0) return { kind: "stage", index };
  if (name === "scratch") return { kind: "scratch" };
  const context = contextNamed(name, options);
  return context ? { kind: "context", name: context } : { kind: "image", image: name };
}

function contextNamed(name: string, { contexts }: PlanOptions): string | undefined {
  if (["scratch", "context"].includes(name.toLowerCase())) return undefined;
  return contexts.find((context) => familiar(context) === familiar(name));
}

/** An image's familiar name, the form in which names of contexts are compared. */
function familiar(image: string): string {
  return image
    .replace(/^(?:index\.)?docker\.io\//, "")
    .replace(/^library\/(?=[^/]+$)/, "")
    .replace(/:latest$/, "");
}

/** The needed stages in the order of the file, numbered from 0. */
function numbered(needed: ReturnType<typeof neededStages>, written: WrittenStage[]): Stage[] {
  const order = [...needed.keys()].sort((a, b) => a - b);
  const renumber = (origin: Origin): Origin =>
    origin.kind === "stage" ? { kind: "stage", index: order.indexOf(origin.index) } : origin;
  return order.map((at, index) => {
    const { from, instructions, base } = needed.get(at)!;
    return {
      index,
      from: renumber(from),
      written: written[at]!.image,
      flags: written[at]!.from.flags,
      line: written[at]!.from.line,
      base,
      instructions: instructions.map(
        (each): StageInstruction => ({ ...each, origins: each.origins.map(renumber) }),
      ),
    };
  });
}

/**
 * The globals that FROM lines and other needed globals mention, that a stage's ARG takes its value from, or that the builder
 * reads.
 */
function neededGlobals(globals: Assignment[], stages: Stage[], escapeChar: string): Assignment[] {
  const used = new Set(stages.flatMap(({ written, flags }) => [written, ...flags]).flatMap(mentioned));
  for (const { keyword, text } of stages.flatMap(({ instructions }) => instructions)) {
    if (keyword !== "ARG") continue;
    for (const { name, value } of declarations(text, escapeChar)) if (value === undefined) used.add(name);
  }
  for (const { name } of globals) if (needsNoDeclaration(name)) used.add(name);
  for (const { name, value } of [...globals].reverse()) {
    if (used.has(name) && value !== undefined) for (const other of mentioned(value)) used.add(other);
  }
  return globals.filter(({ name }) => used.has(name));
}

/** The variables that a text may use, erring on the side of too many. */
function mentioned(text: string): string[] {
  return [...text.matchAll(/\$\{?([A-Za-z_][A-Za-z0-9_]*)/g)].map((match) => match[1]!);
}

const KEYWORDS = new Set(
  "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split(
    " ",
  ),
);
