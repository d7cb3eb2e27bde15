import { own } from "../../records";
import { globalVariables } from "./predefined";
import { type DockerfileText, type Instruction, jsonList } from "./read";
import { mountsOf, type Plan, type PlanOptions, type Stage, type StageInstruction } from "./stages";
import { Unsure } from "./unsure";
import { assignments, declarations, expand, Variables } from "./variables";

/** Something that an instruction reads from a context. */
export interface Source {
  /** The named context; absent: the main one. */
  context?: string;
  /** Relative to the context, cleaned, "" for all of it; may have wildcards. */
  path: string;
  /**
   * Patterns of `--exclude`, relative to what is copied. Always empty with `--parents`, which has them relative to
   * where the path's kept part begins.
   */
  exclude: string[];
  /** `--parents`: the folders above are copied too, and `path` may have `**`. */
  parents: boolean;
  /** Of the instruction, for the explanation: `COPY . /app (line 4)`. */
  by: string;
}

/**
 * What the stages of a plan read from the contexts.
 *
 * @throws Unsure
 */
export function readSources(plan: Plan, file: DockerfileText, options: PlanOptions): Source[] {
  const { args } = options;
  const globals = globalVariables(options);
  for (const { name, value } of plan.globals) setArg(globals, name, value, globals);
  const final = new Map<number, Variables>();
  const sources: Source[] = [];
  for (const stage of plan.stages) {
    if (stage.from.kind === "context") sources.push(all(stage.from.name, `FROM (line ${stage.line})`));
    const variables = start(stage);
    for (const instruction of stage.instructions) {
      track(instruction, variables);
      sources.push(...reads(instruction, variables));
    }
    final.set(stage.index, variables);
  }
  return sources;

  function start({ from }: Stage): Variables {
    if (from.kind === "stage") return final.get(from.index)!.copy();
    return new Variables(from.kind !== "scratch", [["PATH", undefined]]);
  }

  function track({ keyword, text }: Instruction, variables: Variables): void {
    if (keyword === "ENV") {
      const before = variables.copy();
      for (const { name, value } of assignments(text, file.escapeChar))
        variables.set(name, known(value ?? "", before));
    } else if (keyword === "ARG") {
      for (const { name, value } of declarations(text, file.escapeChar)) {
        // Without a value of its own it is the one declared before the first FROM, if that has one.
        if (value === undefined && own(args, name) == null && globals.has(name))
          variables.set(name, known(`\${${name}}`, globals));
        else setArg(variables, name, value, variables);
      }
    }
  }

  function setArg(into: Variables, name: string, value: string | undefined, seen: Variables): void {
    const given = own(args, name);
    if (given != null) into.set(name, given);
    else if (value !== undefined) into.set(name, known(value, seen));
  }

  function known(value: string, variables: Variables): string | undefined {
    try {
      return expand(value, variables, file.escapeChar);
    } catch (error) {
      if (error instanceof Unsure) return undefined;
      throw error;
    }
  }

  function reads(instruction: StageInstruction, variables: Variables): Source[] {
    const { keyword } = instruction;
    if (keyword === "COPY" || keyword === "ADD") return copied(instruction, variables);
    if (keyword === "RUN") return mounted(instruction, variables);
    return [];
  }

  function copied(instruction: StageInstruction, variables: Variables): Source[] {
    const { keyword, flags, text, line } = instruction;
    refuseUnknown(flags, keyword === "COPY" ? COPY_FLAGS : ADD_FLAGS, instruction);
    const [origin] = instruction.origins;
    if (origin && origin.kind !== "context") return [];
    const parents = flags.some((flag) => /^--parents(?:=(?:true)?)?$/i.test(flag));
    const words = jsonList(text) ?? text.split(/[\t\v\f\r ]+/);
    const heredocs = new Set(instruction.heredocs.map(({ name }) => name));
    return words.slice(0, -1).flatMap((word): Source[] => {
      if (word.startsWith("<<") && heredocs.size > 0) return [];
      const path = expand(word, variables, file.escapeChar);
      if (keyword === "ADD" && /^(https?:\/\/|git@|git:\/\/|ssh:\/\/)/.test(path)) return [];
      return [
        {
          ...(origin && { context: origin.name }),
          path: relativePath(path),
          exclude: parents ? [] : excludes(flags),
          parents,
          by: `${keyword} ${shorten(text)} (line ${line})`,
        },
      ];
    });
  }

  function mounted(instruction: StageInstruction, variables: Variables): Source[] {
    const { flags, text, line } = instruction;
    refuseUnknown(flags, RUN_FLAGS, instruction);
    const origins = [...instruction.origins];
    return mountsOf(flags, line).flatMap((mount): Source[] => {
      const type = expand(mount.type, variables, file.escapeChar).toLowerCase();
      const origin = mount.from ? origins.shift() : undefined;
      if (origin && origin.kind !== "context") return [];
      if (!origin && ["cache", "tmpfs", "secret", "ssh"].includes(type)) return [];
      const path = expand(mount.source ?? mount.src ?? "", variables, file.escapeChar);
      return [
        {
          ...(origin && { context: origin.name }),
          path: relativePath(path),
          exclude: [],
          parents: false,
          by: `RUN --mount ${shorten(text)} (line ${line})`,
        },
      ];
    });
  }

  function all(context: string, by: string): Source {
    return { context, path: "", exclude: [], parents: false, by };
  }
}

/**
 * Taken as they are written: the builder replaces no variables in them. Where one is an exception, or looks like a
 * variable, nothing is excluded.
 */
function excludes(flags: string[]): string[] {
  const patterns = flags
    .filter((flag) => flag.startsWith("--exclude="))
    .map((flag) => flag.slice("--exclude=".length));
  return patterns.some((pattern) => pattern.startsWith("!") || pattern.includes("$")) ? [] : patterns;
}

function refuseUnknown(flags: string[], known: Set<string>, { keyword, line }: Instruction): void {
  for (const flag of flags) {
    const name = flag.slice(2).split("=")[0]!;
    if (!known.has(name)) throw new Unsure(`${keyword} in line ${line} has an unknown flag, --${name}`);
  }
}

const COPY_FLAGS = new Set(["from", "chown", "chmod", "link", "exclude", "parents"]);
const ADD_FLAGS = new Set(["chown", "chmod", "link", "exclude", "checksum", "keep-git-dir", "unpack"]);
const RUN_FLAGS = new Set(["mount", "network", "security", "device"]);

/** As `path.Join("/", source)` in Go, without the first slash: nothing leads out of the context. */
function relativePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 57)}…` : line;
}
