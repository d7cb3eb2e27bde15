import { posix } from "node:path";
import { toJsRegExp } from "./go-regexp";
import { ContentError } from "./types";

/**
 * Ignore rules as BuildKit applies them, quirks included, to a context before it is sent to the builder. Follows
 * moby/patternmatcher (`ignorefile.ReadAll`, `PatternMatcher.MatchesUsingParentResults`) and tonistiigi/fsutil
 * (`filterFS.Walk`).
 */
export class IgnoreRules {
  readonly #rules: Rule[];
  readonly #exceptions: Rule[];
  /** Whether every exception is a plain path. Then an ignored folder is entered only if an exception lies in it. */
  readonly #plainExceptions: boolean;

  constructor(patterns: string[]) {
    this.#rules = patterns.map(compile).filter((rule) => rule !== undefined);
    this.#exceptions = this.#rules.filter((rule) => rule.exception);
    this.#plainExceptions = this.#exceptions.every((rule) => !/[*[\]?^\\]/.test(rule.stem));
  }

  get empty(): boolean {
    return this.#rules.length === 0;
  }

  /**
   * @param path relative to the context, `/` between the parts
   * @param parent the verdict on its folder; undefined at the top of the context
   */
  judge(path: string, parent: Verdict | undefined): Verdict {
    const matched: boolean[] = new Array(this.#rules.length).fill(false);
    let ignored = false;
    let by: string | undefined;
    for (const [i, rule] of this.#rules.entries()) {
      const known = parent?.matched[i] ?? false;
      if (!known && (rule.exception !== ignored || !rule.matches(path))) continue;
      matched[i] = true;
      ignored = !rule.exception;
      by = rule.text;
    }
    return { ignored, matched, by };
  }

  get reincludes(): boolean {
    return this.#exceptions.length > 0;
  }

  /** Like {@link judge} but faster, for a path with nothing below it. */
  ignoresIn(path: string, parent: Verdict | undefined): boolean {
    let ignored = false;
    for (let i = 0; i < this.#rules.length; i++) {
      const rule = this.#rules[i]!;
      if (parent?.matched[i] || (rule.exception !== ignored ? false : rule.matches(path)))
        ignored = !rule.exception;
    }
    return ignored;
  }

  /** Whether a path is ignored, judging the folders above it first. */
  ignores(path: string): boolean {
    let verdict: Verdict | undefined;
    for (let at = path.indexOf("/"); ; at = path.indexOf("/", at + 1)) {
      verdict = this.judge(at < 0 ? path : path.slice(0, at), verdict);
      if (at < 0) return verdict.ignored;
    }
  }

  /** Whether an ignored folder must be entered because something below it may be re-included. */
  mayReinclude(folder: string): boolean {
    if (!this.#plainExceptions) return true;
    return this.#exceptions.some((rule) => `${rule.stem}/`.startsWith(`${folder}/`));
  }
}

export interface Verdict {
  ignored: boolean;
  /** For each rule, whether it matches the path or a folder above it. */
  matched: boolean[];
  /** The rule that decided, as written. */
  by: string | undefined;
}

interface Rule {
  text: string;
  exception: boolean;
  /** The pattern without a trailing `/**` or `/*`. */
  stem: string;
  matches(path: string): boolean;
}

/**
 * The patterns of an ignore file.
 *
 * @throws ContentError for a bad line, because the builder rejects the whole file for it
 */
export function readIgnoreFile(content: string, where: string): string[] {
  const patterns: string[] = [];
  const lines = content.replace(/^\uFEFF/, "").split("\n");
  for (const [i, line] of lines.entries()) {
    if (line.startsWith("#")) continue;
    let pattern = trimSpace(line);
    if (pattern === "") continue;
    const exception = pattern.startsWith("!");
    if (exception) pattern = trimSpace(pattern.slice(1));
    if (pattern === "") {
      throw new ContentError(
        `${where}, line ${i + 1}: "!" alone is not a pattern; name what it re-includes, or remove the line`,
      );
    }
    pattern = clean(pattern);
    if (pattern.length > 1 && pattern.startsWith("/")) pattern = pattern.slice(1);
    patterns.push(exception ? `!${pattern}` : pattern);
  }
  return patterns;
}

function compile(text: string): Rule | undefined {
  let pattern = trimSpace(text);
  if (pattern === "") return undefined;
  pattern = clean(pattern);
  const exception = pattern.startsWith("!");
  if (exception) pattern = pattern.slice(1);
  const stem = pattern.replace(/\/\*\*$/, "").replace(/\/\*$/, "");
  return { text, exception, stem, matches: matcher(pattern, exception) };
}

/** Matches a pattern as BuildKit does: as a path, a prefix, a suffix or a regular expression. */
function matcher(pattern: string, exception: boolean): (path: string) => boolean {
  const { kind, source } = translate(pattern);
  switch (kind) {
    case "exact":
      return (path) => path === pattern;
    case "prefix": {
      const prefix = pattern.slice(0, -2);
      return (path) => path.startsWith(prefix);
    }
    case "suffix": {
      const suffix = pattern.slice(2);
      return (path) => path.endsWith(suffix) || (suffix.startsWith("/") && path === suffix.slice(1));
    }
    case "regexp": {
      const regexp = toJsRegExp(source);
      // An unsupported pattern ignores nothing.
      return regexp ? (path) => regexp.test(path) : () => exception;
    }
  }
}

/** The pattern as a Go regular expression, as `Pattern.compile` of moby/patternmatcher writes it on POSIX. */
function translate(pattern: string): { kind: "exact" | "prefix" | "suffix" | "regexp"; source: string } {
  const chars = [...pattern.replace(/^\uFEFF/, "")];
  let kind: "exact" | "prefix" | "suffix" | "regexp" = "exact";
  let source = "^";
  let first = true;
  for (let i = 0; i < chars.length; i++, first = false) {
    const c = chars[i]!;
    if (c === "*" && chars[i + 1] === "*") {
      i++;
      if (chars[i + 1] === "/") i++;
      if (i + 1 < chars.length) {
        source += "(.*/)?";
        kind = "regexp";
      } else if (kind === "exact") kind = "prefix";
      else {
        source += ".*";
        kind = "regexp";
      }
      if (first) kind = "suffix";
    } else if (c === "*" || c === "?") {
      source += c === "*" ? "[^/]*" : "[^/]";
      kind = "regexp";
    } else if (".+()|{}$".includes(c)) source += `\\${c}`;
    else if (c === "\\") {
      const next = chars[++i];
      source += `\\${next ?? ""}`;
      if (next !== undefined) kind = "regexp";
    } else {
      source += c;
      if (c === "[" || c === "]") kind = "regexp";
    }
  }
  return { kind, source: `${source}$` };
}

/** Go's `filepath.Clean` on POSIX. */
export function clean(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}

/** Go's `strings.TrimSpace`, which removes different characters than JavaScript's `trim`. */
function trimSpace(s: string): string {
  const space = "[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
  return s.replace(new RegExp(`^${space}`, "u"), "").replace(new RegExp(`${space}$`, "u"), "");
}
