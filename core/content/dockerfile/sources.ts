import { own } from "../../records";
import { contextPath } from "../context-path";
import { declareArgument, expandIfKnown, globalVariables } from "./arguments";
import { mountsOf } from "./origins";
import type { Origin, Plan, PlanOptions, StageInstruction } from "./plan";
import { type DockerfileText, type Instruction, jsonList } from "./read";
import { Unsure } from "./unsure";
import { assignments, declarations, expand, Variables } from "./variables";

/** Something that an instruction reads from a context. */
export interface Source {
  /** The named context; absent for the main one. */
  context?: string;
  /** Relative to the context, without `.` and `..`; "" for all of it. May have wildcards. */
  path: string;
  /**
   * Patterns of `--exclude`, relative to what is copied. Always empty with `--parents`, which matches them from a different
   * folder. Ignoring them there only makes more files count.
   */
  exclude: string[];
  /** Whether the folders above are copied too (`--parents`); `path` may then have `**`. */
  parents: boolean;
  /** The instruction that reads it, in readable form: `COPY . /app (line 4)`. */
  by: string;
}

/**
 * What the stages of a plan read from the contexts.
 *
 * @throws Unsure
 */
export function readSources(plan: Plan, { escapeChar }: DockerfileText, options: PlanOptions): Source[] {
  const globals = globalVariables(plan.globals, options, escapeChar);
  const scope: Scope = { globals, args: options.args, escapeChar };
  const lastOf = new Map<number, Variables>();
  const sources: Source[] = [];
  for (const { index, from, line, instructions } of plan.stages) {
    if (from.kind === "context") sources.push(wholeContext(from.name, `FROM (line ${line})`));
    const variables = from.kind === "stage" ? lastOf.get(from.index)!.copy() : firstVariables(from);
    for (const instruction of instructions) {
      assign(instruction, variables, scope);
      sources.push(...sourcesOf(instruction, variables, escapeChar));
    }
    lastOf.set(index, variables);
  }
  return sources;
}

/** Everything in a context. */
export function wholeContext(context: string | undefined, by: string): Source {
  return { ...(context && { context }), path: "", exclude: [], parents: false, by };
}

/** What ARG and ENV take values from, beside the stage's own variables. */
interface Scope {
  /** The arguments declared before the first FROM. */
  globals: Variables;
  args: PlanOptions["args"];
  escapeChar: string;
}

/** The variables of a stage before its first instruction. */
const firstVariables = ({ kind }: Origin) => new Variables(kind !== "scratch", [["PATH", undefined]]);

/** Applies an ENV or ARG. */
function assign({ keyword, text }: Instruction, variables: Variables, scope: Scope): void {
  const { globals, args, escapeChar } = scope;
  if (keyword === "ENV") {
    const before = variables.copy();
    for (const { name, value } of assignments(text, escapeChar))
      variables.set(name, expandIfKnown(value ?? "", before, escapeChar));
  } else if (keyword === "ARG") {
    for (const { name, value } of declarations(text, escapeChar)) {
      // Without its own default, an argument has that of its declaration before the first FROM.
      if (value === undefined && own(args, name) == null && globals.has(name))
        variables.set(name, expandIfKnown(`\${${name}}`, globals, escapeChar));
      else declareArgument(variables, { name, value }, args, escapeChar);
    }
  }
}

function sourcesOf(instruction: StageInstruction, variables: Variables, escapeChar: string): Source[] {
  const { keyword } = instruction;
  if (keyword === "COPY" || keyword === "ADD") return copiedSources(instruction, variables, escapeChar);
  return keyword === "RUN" ? mountedSources(instruction, variables, escapeChar) : [];
}

function copiedSources(instruction: StageInstruction, variables: Variables, escapeChar: string): Source[] {
  const { keyword, flags, text, line, heredocs } = instruction;
  refuseUnknownFlags(instruction, keyword === "COPY" ? COPY_FLAGS : ADD_FLAGS);
  const [origin] = instruction.origins;
  if (origin && origin.kind !== "context") return [];
  const parents = flags.some((flag) => /^--parents(?:=(?:true)?)?$/i.test(flag));
  const words = jsonList(text) ?? text.split(/[\t\v\f\r ]+/);
  return words.slice(0, -1).flatMap((word): Source[] => {
    if (word.startsWith("<<") && heredocs.length > 0) return [];
    const path = expand(word, variables, escapeChar);
    if (keyword === "ADD" && /^(https?:\/\/|git@|git:\/\/|ssh:\/\/)/.test(path)) return [];
    return [
      {
        ...(origin && { context: origin.name }),
        path: contextPath(path).join("/"),
        exclude: parents ? [] : excludes(flags),
        parents,
        by: `${keyword} ${shorten(text)} (line ${line})`,
      },
    ];
  });
}

function mountedSources(instruction: StageInstruction, variables: Variables, escapeChar: string): Source[] {
  const { flags, text, line } = instruction;
  refuseUnknownFlags(instruction, RUN_FLAGS);
  const origins = [...instruction.origins];
  return mountsOf(flags, line).flatMap((mount): Source[] => {
    const type = expand(mount.type, variables, escapeChar).toLowerCase();
    const origin = mount.from ? origins.shift() : undefined;
    if (origin && origin.kind !== "context") return [];
    if (!origin && ["cache", "tmpfs", "secret", "ssh"].includes(type)) return [];
    const path = expand(mount.source ?? mount.src ?? "", variables, escapeChar);
    return [
      {
        ...(origin && { context: origin.name }),
        path: contextPath(path).join("/"),
        exclude: [],
        parents: false,
        by: `RUN --mount ${shorten(text)} (line ${line})`,
      },
    ];
  });
}

/**
 * The patterns of `--exclude` as written, because the builder replaces no variables in them. If one is an exception or looks
 * like a variable, nothing is excluded.
 */
function excludes(flags: string[]): string[] {
  const patterns = flags
    .filter((flag) => flag.startsWith("--exclude="))
    .map((flag) => flag.slice("--exclude=".length));
  return patterns.some((pattern) => pattern.startsWith("!") || pattern.includes("$")) ? [] : patterns;
}

function refuseUnknownFlags({ keyword, flags, line }: Instruction, known: Set<string>): void {
  for (const flag of flags) {
    const name = flag.slice(2).split("=")[0]!;
    if (!known.has(name)) throw new Unsure(`${keyword} in line ${line} has an unknown flag, --${name}`);
  }
}

const COPY_FLAGS = new Set(["from", "chown", "chmod", "link", "exclude", "parents"]);
const ADD_FLAGS = new Set(["chown", "chmod", "link", "exclude", "checksum", "keep-git-dir", "unpack"]);
const RUN_FLAGS = new Set(["mount", "network", "security", "device"]);

function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 57)}…` : line;
}
