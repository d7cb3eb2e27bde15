import { type Dirent, readdirSync } from "node:fs";
import { decodeName, encodePath } from "./files/names";
import { unreadable } from "./files/unreadable";
import type { IgnoreRules, Verdict } from "./ignore";

/** Decides what a walk visits, apart from the ignore rules. */
export interface Scope {
  /** Whether the entry counts. */
  includes(path: string): boolean;
  /** Whether anything below the folder can count. */
  mayInclude(folder: string): boolean;
}

/**
 * Finds the files and folders of a context that are not ignored and that `scope` includes, in code unit order.
 *
 * Like BuildKit's client (tonistiigi/fsutil, `filterFS.Walk`), it reports an ignored folder if something below it is
 * re-included, and follows no links. It enters a folder only if something in it can count.
 */
export function walk(root: string, rules: IgnoreRules, scope: Scope, found: (path: string) => void): void {
  // An ignored folder is reported once something in it is re-included, possibly after some of its neighbours.
  const late = new Set<string>();
  const kept: string[] | undefined = rules.reincludes ? [] : undefined;
  enter("", undefined, []);
  if (kept) for (const path of [...new Set([...kept, ...late])].sort()) found(path);

  function enter(folder: string, parent: Verdict | undefined, ignoredAbove: string[]): void {
    const prefix = folder === "" ? "" : `${folder}/`;
    for (const name of namesIn(root, folder)) {
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
 * The names in a folder. Subfolders are listed twice, the second time with a trailing `/`, which marks when to enter them:
 * this puts the paths of the whole tree in code unit order.
 */
function namesIn(root: string, folder: string): string[] {
  const path = encodePath(folder === "" ? root : `${root}/${folder}`);
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    if (!entries.some(({ name }) => name.includes("\ufffd"))) return inOrder(entries, ({ name }) => name);
    // Some name is not UTF-8: read all as bytes, which Node's types do not allow here.
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
