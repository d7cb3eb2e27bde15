import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import type { Context } from "./context";
import type { Source } from "./dockerfile";
import { decodeName, encodePath } from "./files/names";
import { toJsRegExp } from "./go-regexp";
import { IgnoreRules } from "./ignore";
import type { Scope } from "./walk";

const LINKS = 255;

/**
 * What of a context the sources name: their links and wildcards followed as BuildKit follows them, from the
 * context's top.
 */
export function select(
  { root, rules: ignoreRules }: Pick<Context, "root" | "rules">,
  sources: Source[],
): Scope {
  const below = new Map<string, IgnoreRules[]>();
  const single = new Set<string>();
  for (const source of sources) {
    const rules = new IgnoreRules(source.exclude);
    const found = source.parents
      ? withParents(root, ignoreRules, source.path)
      : resolve(root, ignoreRules, source.path);
    for (const path of found.single) single.add(path);
    for (const path of found.below) below.set(path, [...(below.get(path) ?? []), rules]);
  }
  const above = new Set<string>();
  for (const path of [...below.keys(), ...single]) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1))
      above.add(path.slice(0, at));
  }
  const all = below.get("")?.some((rules) => rules.empty) ?? false;
  return {
    includes: (path) => all || single.has(path) || isBelow(path),
    mayInclude: (folder) => all || above.has(folder) || isBelow(folder),
  };

  function isBelow(path: string): boolean {
    for (let at = path.length; at > 0; at = path.lastIndexOf("/", at - 1)) {
      if (counts(path.slice(0, at), path)) return true;
    }
    return counts("", path);
  }

  function counts(top: string, path: string): boolean {
    const inside = top === "" ? path : path.slice(top.length + 1);
    return below.get(top)?.some((rules) => inside === "" || !rules.ignores(inside)) ?? false;
  }
}

interface Found {
  /** Paths that count with everything below them. */
  below: string[];
  /** Paths that count alone: the links on the way. */
  single: string[];
}

function resolve(root: string, rules: IgnoreRules, source: string): Found {
  const below = new Set<string>();
  const single = new Set<string>();
  const seen = new Set<string>();
  follow("", source === "" ? [] : source.split("/"), LINKS);
  return { below: [...below], single: [...single] };

  /** @returns whether it leads anywhere */
  function follow(at: string, rest: string[], links: number): boolean {
    const [part, ...others] = rest;
    if (part === undefined) {
      below.add(at);
      return at === "" || lstatSync(encodePath(`${root}/${at}`), { throwIfNoEntry: false }) !== undefined;
    }
    let leads = false;
    for (const name of namesLike(root, at, part)) {
      const path = at === "" ? name : `${at}/${name}`;
      const target = linkTarget(root, path);
      if (target === undefined ? follow(path, others, links) : followLink(path, target, others, links))
        leads = true;
    }
    return leads;
  }

  function followLink(path: string, target: string, others: string[], links: number): boolean {
    const step = `${path}\0${others.join("/")}`;
    // A link that is not sent leads nowhere.
    if (links === 0 || seen.has(step) || rules.ignores(path)) return false;
    seen.add(step);
    const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    const next = clamp(target.startsWith("/") ? target : `${folder}/${target}`).concat(others);
    const leads = follow("", next, links - 1);
    if (leads || others.length === 0) single.add(path);
    return leads;
  }
}

/**
 * `COPY --parents`: everything below the part without wildcards, and the folders above, whose permissions are
 * copied.
 */
function withParents(root: string, rules: IgnoreRules, source: string): Found {
  const parts = source.split("/");
  const wild = parts.findIndex((part) => /[*?[\\]/.test(part));
  const fixed = wild < 0 ? parts : parts.slice(0, wild);
  const found = resolve(root, rules, fixed.join("/"));
  const above = fixed.map((_, i) => fixed.slice(0, i + 1).join("/"));
  return { below: found.below, single: [...found.single, ...above] };
}

function namesLike(root: string, folder: string, part: string): string[] {
  if (!/[*?[\\]/.test(part)) return [part];
  const pattern = wildcard(part);
  try {
    const names = readdirSync(encodePath(`${root}/${folder}`), { encoding: "buffer" }).map(decodeName);
    return names.filter((name) => pattern.test(name)).sort();
  } catch {
    return [];
  }
}

/**
 * Go's `filepath.Match` for one part of a path. A class or an escape that is not known here matches
 * everything.
 */
function wildcard(part: string): RegExp {
  let source = "^";
  for (let i = 0; i < part.length; i++) {
    const c = part[i]!;
    if (c === "*") source += "[^/]*";
    else if (c === "?") source += "[^/]";
    else if (c === "[") {
      const end = /^\[\^?(?:\\.|[^\]\\])+\]/.exec(part.slice(i))?.[0];
      if (!end) return /^/;
      source += end;
      i += end.length - 1;
    } else if (c === "\\") source += `\\${part[++i] ?? ""}`;
    else source += /[A-Za-z0-9_\-\s]|[^\x00-\x7f]/.test(c) ? c : `\\${c}`;
  }
  return toJsRegExp(`${source}$`) ?? /^/;
}

function linkTarget(root: string, path: string): string | undefined {
  try {
    if (!lstatSync(encodePath(`${root}/${path}`)).isSymbolicLink()) return undefined;
    return decodeName(readlinkSync(encodePath(`${root}/${path}`), "buffer"));
  } catch {
    return undefined;
  }
}

function clamp(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts;
}
