import { lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import type { Context } from "./context";
import { contextPath, foldersAbove } from "./context-path";
import type { Source } from "./dockerfile";
import { decodeName, encodePath } from "./files/names";
import { unreadable } from "./files/unreadable";
import { toJsRegExp } from "./go-regexp";
import { IgnoreRules } from "./ignore";
import type { Scope } from "./walk";

const LINKS = 255;

/** The part of a context that the sources name. Links and wildcards are followed as BuildKit follows them. */
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
      : resolveSource(root, ignoreRules, source.path);
    for (const path of found.single) single.add(path);
    for (const path of found.below) below.set(path, [...(below.get(path) ?? []), rules]);
  }
  const above = new Set([...below.keys(), ...single].flatMap(foldersAbove));
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
  /** Paths that count together with everything below them. */
  below: string[];
  /** Paths that count on their own: the links on the way. */
  single: string[];
}

/** @param deep whether `**` matches any number of folders */
function resolveSource(root: string, rules: IgnoreRules, source: string, deep = false): Found {
  const below = new Set<string>();
  const single = new Set<string>();
  const seen = new Set<string>();
  follow("", source === "" ? [] : source.split("/"), LINKS);
  return { below: [...below], single: [...single] };

  /** @returns whether the path leads to anything */
  function follow(at: string, rest: string[], links: number): boolean {
    const [part, ...others] = rest;
    if (part === undefined) {
      const exists = statOf(root, at) !== undefined;
      if (exists) below.add(at);
      return exists;
    }
    let leads = false;
    if (deep && part === "**") {
      leads = follow(at, others, links);
      for (const folder of foldersIn(root, rules, at)) if (follow(folder, rest, links)) leads = true;
      return leads;
    }
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
    // An ignored link is not sent, so it leads nowhere.
    if (links === 0 || seen.has(step) || rules.ignores(path)) return false;
    seen.add(step);
    const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    const next = contextPath(target.startsWith("/") ? target : `${folder}/${target}`).concat(others);
    const leads = follow("", next, links - 1);
    if (leads || others.length === 0) single.add(path);
    return leads;
  }
}

/**
 * What `COPY --parents` reads: everything that the pattern names, all below it, and the folders above, whose permissions are
 * copied. Its wildcards are those of an ignore file. Where a part of the pattern would mean something else in other
 * sources, everything below that point counts.
 */
function withParents(root: string, rules: IgnoreRules, source: string): Found {
  const parts = source.split("/");
  const other = parts.findIndex((part) => /[[\\]|\*\*./.test(part) || /.\*\*/.test(part));
  const { below, single } = resolveSource(
    root,
    rules,
    parts.slice(0, other < 0 ? undefined : other).join("/"),
    true,
  );
  return { below, single: [...single, ...below.flatMap(foldersAbove)] };
}

/** The subfolders that the builder sees, without links to folders. */
function foldersIn(root: string, rules: IgnoreRules, folder: string): string[] {
  return entriesOf(root, folder)
    .map((name) => (folder === "" ? name : `${folder}/${name}`))
    .filter((path) => statOf(root, path)?.isDirectory())
    .filter((path) => !rules.ignores(path) || rules.mayReinclude(path));
}

function namesLike(root: string, folder: string, part: string): string[] {
  if (!/[*?[\\]/.test(part)) return [part];
  const pattern = wildcard(part);
  return entriesOf(root, folder).filter((name) => pattern.test(name));
}

/** Sorted; empty if it is not a folder. */
function entriesOf(root: string, folder: string): string[] {
  try {
    return readdirSync(encodePath(`${root}/${folder}`), { encoding: "buffer" })
      .map(decodeName)
      .sort();
  } catch {
    return [];
  }
}

/** Go's `filepath.Match` for one part of a path. An unsupported class or escape matches everything. */
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

/** @returns undefined for a path that does not exist */
function statOf(root: string, path: string): Stats | undefined {
  try {
    return lstatSync(encodePath(`${root}/${path}`));
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code!)) return undefined;
    throw unreadable(path, error);
  }
}

function linkTarget(root: string, path: string): string | undefined {
  try {
    if (!lstatSync(encodePath(`${root}/${path}`)).isSymbolicLink()) return undefined;
    return decodeName(readlinkSync(encodePath(`${root}/${path}`), "buffer"));
  } catch {
    return undefined;
  }
}
