import { own } from "../../records";
import { globalVariables, needsNoDeclaration } from "./predefined";
import { type DockerfileText, type Instruction, readInstruction } from "./read";
import { Unsure } from "./unsure";
import { declarations, expand, type Variables } from "./variables";

/** A stage that the target needs. */
export interface Stage {
  /**
   * Its place among the stages needed, from 0: what it is called in the content, as its own name reaches no
   * image.
   */
  index: number;
  from: Origin;
  /** What the FROM line names, its variables not replaced. */
  written: string;
  /** Of the FROM line. */
  flags: string[];
  line: number;
  /** Those of the file, after those that a stage it is built upon left with ONBUILD. */
  instructions: StageInstruction[];
  /** Whether the target's configuration and history grow from it, and not only files are copied out of it. */
  base: boolean;
}

export interface StageInstruction extends Instruction {
  /** What `--from` or the `from=` of each mount names, in order. */
  origins: Origin[];
}

/** Where a stage begins or a file is copied from. */
export type Origin =
  | { kind: "scratch" }
  | { kind: "stage"; index: number }
  | { kind: "context"; name: string }
  | { kind: "image"; image: string };

export interface Plan {
  stages: Stage[];
  /** The target's name, as the builder tells it in `TARGETSTAGE`. */
  target: string;
  /** Its place among the stages. */
  targetIndex: number;
  /** ARG before the first FROM, as far as something needs it. */
  globals: { name: string; value: string | undefined }[];
}

export interface PlanOptions {
  args: Record<string, string | null>;
  target?: string;
  platform?: string;
  /** Names of the named contexts. */
  contexts: string[];
  /** Those of them that are images: the image of each. */
  contextImages?: Record<string, string>;
  /** ONBUILD instructions of images that stages begin with; undefined for one of which nobody could say. */
  onBuild?: Record<string, string[] | undefined>;
}

/** The image that a stage begins with, by its own name or by a named context's. */
export function imageBehind(from: Origin, { contextImages }: PlanOptions): string | undefined {
  if (from.kind === "context") return own(contextImages, from.name);
  return from.kind === "image" ? from.image : undefined;
}

interface Parsed {
  from: Instruction;
  image: string;
  name?: string;
  own: Instruction[];
}

/**
 * The stages that lead to the target: those it is built upon, copies from or mounts, and theirs. By the rules
 * of BuildKit's `dockerfile2llb`, `buildDispatchStates` and after.
 *
 * @throws Unsure
 */
export function planStages(file: DockerfileText, options: PlanOptions): Plan {
  const { globals, parsed } = split(file);
  const environment = globalVariables(options);
  const used = new Set<string>();
  for (const { name, value } of globals) {
    const given = own(options.args, name);
    if (given != null) environment.set(name, given);
    else if (value !== undefined) environment.set(name, tryExpand(value, environment, file.escapeChar));
  }

  const wanted = targetIndex(parsed, options.target);
  const needed = new Map<number, { from: Origin; instructions: StageInstruction[]; base: boolean }>();
  need(wanted, true);

  const order = [...needed.keys()].sort((a, b) => a - b);
  const place = (origin: Origin): Origin =>
    origin.kind === "stage" ? { kind: "stage", index: order.indexOf(origin.index) } : origin;
  const stages = order.map((at, index): Stage => {
    const { from, instructions, base } = needed.get(at)!;
    const { flags, line } = parsed[at]!.from;
    return {
      index,
      from: place(from),
      written: parsed[at]!.image,
      flags,
      line,
      base,
      instructions: instructions.map((i) => ({ ...i, origins: i.origins.map(place) })),
    };
  });
  const target = options.target ?? parsed.at(-1)!.name ?? "default";
  return { stages, target, targetIndex: order.indexOf(wanted), globals: neededGlobals() };

  function need(at: number, base: boolean): void {
    const known = needed.get(at);
    if (known) {
      known.base ||= base;
      if (base && known.from.kind === "stage") need(known.from.index, true);
      return;
    }
    const stage = parsed[at]!;
    for (const flag of stage.from.flags) {
      if (!flag.startsWith("--platform="))
        throw new Unsure(`FROM in line ${stage.from.line} has an unknown flag ${flag}`);
      for (const name of mentioned(flag)) used.add(name);
    }
    for (const name of mentioned(stage.image)) used.add(name);
    // A named context called like a stage takes the whole stage's place.
    const replaced = stage.name !== undefined && contextNamed(stage.name);
    const from: Origin = replaced
      ? { kind: "context", name: replaced }
      : origin(expand(stage.image, environment, file.escapeChar), at, true);
    const triggers = replaced ? [] : triggersOf(from, stage.from.line);
    const instructions = replaced
      ? []
      : [...triggers, ...stage.own].map((instruction) => ({
          ...instruction,
          origins: origins(instruction, at),
        }));
    needed.set(at, { from, instructions, base });
    if (from.kind === "stage") need(from.index, base);
    for (const { origins } of instructions)
      for (const o of origins) if (o.kind === "stage") need(o.index, false);
  }

  function triggersOf(from: Origin, line: number): Instruction[] {
    if (from.kind === "stage") {
      return parsed[from.index]!.own.filter((i) => i.keyword === "ONBUILD").map((i) => trigger(i.text, i));
    }
    const image = imageBehind(from, options);
    if (image === undefined) return [];
    const asked = options.onBuild !== undefined && Object.hasOwn(options.onBuild, image);
    const known = own(options.onBuild, image);
    if (known) return known.map((text) => trigger(text, { heredocs: [], line }));
    if (asked || /onbuild/i.test(image))
      throw new Unsure(`nobody could say whether ${image} has ONBUILD instructions`);
    return [];
  }

  function trigger(text: string, { heredocs, line }: Pick<Instruction, "heredocs" | "line">): Instruction {
    const instruction = readInstruction(text, file.escapeChar, line);
    if (!instruction) throw new Unsure(`ONBUILD in line ${line} is empty`);
    return { ...instruction, heredocs };
  }

  function origins(instruction: Instruction, at: number): Origin[] {
    return originNames(instruction).map((name) => {
      if (name.includes("$")) throw new Unsure(`from= in line ${instruction.line} has a variable`);
      if (/^\d+$/.test(name) && instruction.keyword === "COPY") {
        if (Number(name) >= parsed.length)
          throw new Unsure(`there is no stage ${name}, which line ${instruction.line} names`);
        return { kind: "stage", index: Number(name) };
      }
      return origin(name, at, false);
    });
  }

  /** Stages are found by name first; FROM looks only at those above it, and minds capitals. */
  function origin(name: string, at: number, isFrom: boolean): Origin {
    if (name === "") throw new Unsure("FROM names nothing");
    const reach = isFrom ? parsed.slice(0, at) : parsed;
    const index = reach.findLastIndex((stage) => stage.name === (isFrom ? name : name.toLowerCase()));
    if (index >= 0) return { kind: "stage", index };
    if (name === "scratch") return { kind: "scratch" };
    const context = contextNamed(name);
    return context ? { kind: "context", name: context } : { kind: "image", image: name };
  }

  function contextNamed(name: string): string | undefined {
    if (["scratch", "context"].includes(name.toLowerCase())) return undefined;
    return options.contexts.find((context) => familiar(context) === familiar(name));
  }

  /**
   * Those that FROM lines and other globals mention, those that a stage's own ARG takes its value from, and those that the
   * builder itself looks at.
   */
  function neededGlobals(): { name: string; value: string | undefined }[] {
    for (const { instructions } of stages) {
      for (const { keyword, text } of instructions) {
        if (keyword === "ARG")
          for (const { name, value } of declarations(text, file.escapeChar))
            if (value === undefined) used.add(name);
      }
    }
    for (const { name } of globals) if (needsNoDeclaration(name)) used.add(name);
    for (const { name, value } of [...globals].reverse()) {
      if (used.has(name) && value !== undefined) for (const other of mentioned(value)) used.add(other);
    }
    return globals.filter(({ name }) => used.has(name));
  }
}

/** What `--from` and `from=` name; empty for what reads the main context or nothing. */
export function originNames({ keyword, flags, line }: Instruction): string[] {
  if (keyword === "COPY") {
    return flags.filter((flag) => flag.startsWith("--from=")).map((flag) => flag.slice("--from=".length));
  }
  if (keyword !== "RUN") return [];
  return mountsOf(flags, line).flatMap((mount) => (mount.from ? [mount.from] : []));
}

/** Each `--mount` of a RUN; keys in small letters, `type` always there. */
export function mountsOf(
  flags: string[],
  line: number,
): ({ type: string } & Record<string, string | undefined>)[] {
  return flags
    .filter((flag) => flag.startsWith("--mount="))
    .map((flag) => {
      const fields = flag.slice("--mount=".length);
      if (fields.includes('"')) throw new Unsure(`a mount in line ${line} has quotes`);
      const pairs = fields.split(",").map((field) => {
        const at = field.indexOf("=");
        return at < 0 ? [field.toLowerCase(), ""] : [field.slice(0, at).toLowerCase(), field.slice(at + 1)];
      });
      return { type: "bind", ...(Object.fromEntries(pairs) as Record<string, string>) };
    });
}

function split(file: DockerfileText): { globals: Plan["globals"]; parsed: Parsed[] } {
  const globals: Plan["globals"] = [];
  const parsed: Parsed[] = [];
  for (const instruction of file.instructions) {
    const { keyword, text, line } = instruction;
    if (!KEYWORDS.has(keyword)) throw new Unsure(`line ${line} has an unknown instruction, ${keyword}`);
    if (keyword === "FROM") {
      const match = /^(\S+)(?:\s+as\s+(\S+))?$/i.exec(text);
      if (!match) throw new Unsure(`FROM in line ${line} is not complete`);
      const name = match[2]?.toLowerCase();
      parsed.push({ from: instruction, image: match[1]!, ...(name !== undefined && { name }), own: [] });
    } else if (parsed.length > 0) parsed.at(-1)!.own.push(instruction);
    else if (keyword === "ARG") globals.push(...declarations(text, file.escapeChar));
    else throw new Unsure(`line ${line} comes before the first FROM`);
  }
  if (parsed.length === 0) throw new Unsure("it has no FROM");
  return { globals, parsed };
}

function targetIndex(parsed: Parsed[], target: string | undefined): number {
  if (target === undefined) return parsed.length - 1;
  const index = parsed.findLastIndex((stage) => stage.name === target.toLowerCase());
  if (index < 0) throw new Unsure(`it has no stage ${target}`);
  return index;
}

/** The names that a text may take the values of: more rather than fewer. */
export function mentioned(text: string): string[] {
  return [...text.matchAll(/\$\{?([A-Za-z_][A-Za-z0-9_]*)/g)].map((match) => match[1]!);
}

function tryExpand(value: string, variables: Variables, escapeChar: string): string | undefined {
  try {
    return expand(value, variables, escapeChar);
  } catch (error) {
    if (error instanceof Unsure) return undefined;
    throw error;
  }
}

/** An image's name as people write it; the name of a context is compared in this form. */
export function familiar(image: string): string {
  return image
    .replace(/^(?:index\.)?docker\.io\//, "")
    .replace(/^library\/(?=[^/]+$)/, "")
    .replace(/:latest$/, "");
}

const KEYWORDS = new Set(
  "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split(
    " ",
  ),
);
