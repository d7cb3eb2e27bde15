import { type Dirent, readdirSync } from "node:fs";
import { decodeName, encodePath } from "./files/names";
import { unreadable } from "./files/unreadable";
import type { IgnoreRules, Verdict } from "./ignore";

/** Decides what is looked at, beside the ignore rules. */
export interface Scope {
  /** Whether the entry counts. */
  includes(path: string): boolean;
  /** Whether anything below the folder can count. */
  mayInclude(folder: string): boolean;
}

/**
 * The paths of everything in a context that the builder can see and `scope` asks for, in code unit order;
 * folders as well.
 *
 * As BuildKit's client does it (tonistiigi/fsutil, `filterFS.Walk`): a folder that is ignored is there all
 * the same when something below it is re-included; no link is followed. A folder is entered only where
 * something can count.
 */
export function walk(root: string, rules: IgnoreRules, scope: Scope, found: (path: string) => void): void {
  // Folders that are ignored are reported when something in them is not, and then come after some of their
  // neighbours.
  const late = new Set<string>();
  const kept: string[] | undefined = rules.reincludes ? [] : undefined;
  enter("", undefined, []);
  if (kept) for (const path of [...new Set([...kept, ...late])].sort()) found(path);

  function enter(folder: string, parent: Verdict | undefined, ignoredAbove: string[]): void {
    const prefix = folder === "" ? "" : `${folder}/`;
    for (const name of list(root, folder)) {
      const path = prefix + name;
      if (name.endsWith("/")) visit(path.slice(0, -1), parent, ignoredAbove);
      else if (!rules.ignoresIn(path, parent) && scope.includes(path)) {
        for (const above of ignoredAbove) if (scope.includes(above)) late.add(above);
        if (kept) kept.push(path);
        else found(path);
      }
    }
  }

  function visit(folder: string, parent: Verdict | undefined, ignoredAbove: string[]): void {
    if (!scope.mayInclude(folder)) return;
    const verdict = rules.empty ? undefined : rules.judge(folder, parent);
    if (!verdict?.ignored) enter(folder, verdict, ignoredAbove);
    else if (rules.mayReinclude(folder)) enter(folder, verdict, [...ignoredAbove, folder]);
  }
}

/**
 * The names in a folder; a folder's name comes once more with a `/` behind it, where it is to be entered.
 * Sorted like this, the paths of a whole tree come in the order of their code units.
 */
function list(root: string, folder: string): string[] {
  const path = encodePath(folder === "" ? root : `${root}/${folder}`);
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    if (!entries.some(({ name }) => name.includes("\ufffd"))) return inOrder(entries, ({ name }) => name);
    // A name that is not UTF-8: as bytes, which Node's types do not know of here.
    const raw = readdirSync(path, { withFileTypes: true, encoding: "buffer" as never });
    return inOrder(raw, ({ name }) => decodeName(name as unknown as Buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && folder !== "") return [];
    throw unreadable(folder === "" ? root : folder, error);
  }
}

function inOrder(entries: Dirent[], nameOf: (entry: Dirent) => string): string[] {
  const names: string[] = [];
  for (const entry of entries) {
    const name = nameOf(entry);
    names.push(name);
    if (entry.isDirectory()) names.push(`${name}/`);
  }
  return names.sort();
}
