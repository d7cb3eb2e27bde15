import { Unsure } from "./unsure";
import { SPACE, words } from "./words";

/** An instruction, with its lines joined as BuildKit joins them. */
export interface Instruction {
  /** In upper case. */
  keyword: string;
  /** `--name=value`, unquoted, in order. */
  flags: string[];
  /** What comes after the flags. */
  text: string;
  heredocs: Heredoc[];
  /** Its first line, counted from 1. */
  line: number;
}

export interface Heredoc {
  name: string;
  content: string;
  /** Whether variables in it are replaced. */
  expand: boolean;
}

export interface DockerfileText {
  /** The frontend image of a `# syntax=` line. */
  syntax?: string;
  escapeChar: string;
  instructions: Instruction[];
}

/**
 * Splits a Dockerfile into instructions by the rules of BuildKit's parser (frontend/dockerfile/parser: `parser.go`,
 * `split_command.go`, `directives.go`). The library dockerfile-ast is made for editors and less exact: it reads `RUN a
 * \\`⏎`COPY b /c` as one instruction, and a missed COPY means files that do not count.
 *
 * @throws Unsure
 */
export function readDockerfile(source: string): DockerfileText {
  const lines = source.replace(/^\uFEFF/, "").split(/(?<=\n)/);
  const { syntax, escapeChar } = directives(lines);
  const instructions: Instruction[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = at + 1;
    const { text, end } = joinedLine(lines, at, escapeChar);
    at = end;
    const instruction = readInstruction(text, escapeChar, line);
    if (!instruction) continue;
    for (const mark of heredocsOf(instruction)) {
      const { heredoc, end } = readHeredoc(lines, at, mark, line);
      instruction.heredocs.push(heredoc);
      at = end;
    }
    instructions.push(instruction);
  }
  return { ...(syntax !== undefined && { syntax }), escapeChar, instructions };
}

/** The line at `start`, joined with its continuation lines; empty for a comment. */
function joinedLine(lines: string[], start: number, escapeChar: string): { text: string; end: number } {
  const first = withoutLineEnd(lines[start]!).replace(LEADING_SPACE, "");
  let { text, goesOn } = continued(first, escapeChar);
  let end = start + 1;
  if (isComment(text)) return { text: "", end };
  while (goesOn && end < lines.length) {
    const next = withoutLineEnd(lines[end++]!);
    if (isComment(next) || /^[\s\u0085]*$/.test(next)) continue;
    const more = continued(next, escapeChar);
    text += more.text;
    goesOn = more.goesOn;
  }
  return { text, end };
}

/** @throws Unsure if it is not closed */
function readHeredoc(
  lines: string[],
  start: number,
  { name, chomp, expand }: HeredocMark,
  line: number,
): { heredoc: Heredoc; end: number } {
  let content = "";
  for (let at = start; at < lines.length; at++) {
    const text = withoutLineEnd(lines[at]!);
    if ((chomp ? text.replace(/^\t+/, "") : text) === name) {
      return {
        heredoc: { name, expand, content: chomp ? content.replace(/^\t+/gm, "") : content },
        end: at + 1,
      };
    }
    content += lines[at]!;
  }
  throw new Unsure(`the heredoc ${name} in line ${line} is not closed`);
}

const withoutLineEnd = (line: string): string => line.replace(/[\r\n]+$/, "");

const LEADING_SPACE = new RegExp(`^${SPACE.source}+`);

const isComment = (line: string): boolean => line.replace(LEADING_SPACE, "").startsWith("#");

function continued(line: string, escapeChar: string): { text: string; goesOn: boolean } {
  const e = escapeChar === "\\" ? "\\\\" : "`";
  const match = new RegExp(`^(|.*[^${e}])${e}[ \\t]*$`, "s").exec(line);
  return match && !isComment(line) ? { text: match[1]!, goesOn: true } : { text: line, goesOn: false };
}

/** The comments at the very top that are directives. */
function directives(lines: string[]): { syntax?: string; escapeChar: string } {
  const found = new Map<string, string>();
  let top = lines;
  if (top[0]?.startsWith("#!")) top = top.slice(1);
  for (const line of top) {
    const match = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/.exec(line.replace(LEADING_SPACE, ""));
    const name = match?.[1]?.toLowerCase();
    if (!match || !["syntax", "escape", "check"].includes(name!)) break;
    if (found.has(name!)) throw new Unsure(`there are two ${name} directives`);
    found.set(name!, match[2]!);
  }
  const escapeChar = found.get("escape") ?? "\\";
  if (escapeChar !== "\\" && escapeChar !== "`") throw new Unsure(`the escape directive names ${escapeChar}`);
  const first = lines.find((line) => line.trim() !== "")?.trim();
  if (first?.startsWith("//") || first?.startsWith("{"))
    throw new Unsure("it is not written for Docker's own frontend");
  const syntax = found.get("syntax")?.split(" ")[0];
  return { ...(syntax !== undefined && { syntax }), escapeChar };
}

/** @returns undefined for an empty line */
export function readInstruction(text: string, escapeChar: string, line: number): Instruction | undefined {
  const match = /^([^\t\v\f\r ]+)(?:[\t\v\f\r ]+(.*))?$/s.exec(text.replace(LEADING_SPACE, "").trimEnd());
  if (!match) return undefined;
  const { flags, rest } = splitFlags(match[2] ?? "", escapeChar, line);
  return { keyword: match[1]!.toUpperCase(), flags, text: rest.trim(), heredocs: [], line };
}

/**
 * Splits off the flags, up to the first word that does not begin with `--`, and removes their quotes. The builder reads flags
 * byte by byte and misreads non-ASCII characters, so those make the reading unsure.
 */
function splitFlags(args: string, escapeChar: string, line: number): { flags: string[]; rest: string } {
  const flags: string[] = [];
  let rest = args;
  for (;;) {
    rest = rest.replace(LEADING_SPACE, "");
    if (!rest.startsWith("--")) return { flags, rest };
    const word = /^(?:[^\s'"]|'[^']*'|"[^"]*")+(?![^\s])/.exec(rest)?.[0];
    if (word === undefined) throw new Unsure(`a quote in a flag in line ${line} is not closed`);
    if (/[\\\x80-\uffff]/.test(word) || word.includes(escapeChar))
      throw new Unsure(`a flag in line ${line} has escapes or non-ASCII letters`);
    rest = rest.slice(word.length);
    if (word === "--") return { flags, rest };
    flags.push(word.replace(/'([^']*)'|"([^"]*)"/g, "$1$2"));
  }
}

/** `<<NAME`, or `<<-NAME` (`chomp`), which removes tabs at the start of each line. */
interface HeredocMark {
  name: string;
  chomp: boolean;
  expand: boolean;
}

function heredocsOf({ keyword, text, line }: Instruction): HeredocMark[] {
  const inner = keyword === "ONBUILD" ? (/^\S+/.exec(text)?.[0].toUpperCase() ?? "") : keyword;
  if (!["ADD", "COPY", "RUN"].includes(inner) || !text.includes("<<") || isJson(text)) return [];
  const found: HeredocMark[] = [];
  for (const word of words(text, line)) {
    const match = /^\d*<<(-?)\s*([^<]+)$/.exec(word);
    if (!match) continue;
    const name = match[2]!.replace(/^(['"])(.*)\1$/, "$2");
    if (/['"\\$\s]/.test(name)) throw new Unsure(`the name of a heredoc in line ${line} is quoted in parts`);
    found.push({ name, chomp: match[1] === "-", expand: name === match[2] });
  }
  return found;
}

export function isJson(text: string): boolean {
  return jsonList(text) !== undefined;
}

/** The strings of a JSON array, the "exec form"; undefined for anything else. */
export function jsonList(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((item) => typeof item === "string") ? list : undefined;
  } catch {
    return undefined;
  }
}
