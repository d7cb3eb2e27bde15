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
 * The paths of everything in a context that the builder can see and `scope` asks for, in code unit order; folders as well.
 *
 * As BuildKit's client does it (tonistiigi/fsutil, `filterFS.Walk`): a folder that is ignored is there all the same when something
 * below it is re-included; sockets are never sent; no link is followed. A folder is entered only where something can count.
 */
export function walk(root: string, rules: IgnoreRules, scope: Scope, found: (path: string) => void): void {
  // Folders that are ignored are reported when something in them is not, and then come after some of their neighbours.
  const late = new Set<string>();
  const kept: string[] | undefined = rules.reincludes ? [] : undefined;
  enter("", undefined, []);
  if (kept) for (const path of [...new Set([...kept, ...late])].sort()) found(path);

  function enter(folder: string, parent: Verdict | undefined, ignoredAbove: string[]): void {
    const prefix = folder === "" ? "" : `${folder}/`;
    for (const [name, dirent] of inOrder(list(root, folder))) {
      if (name.endsWith("/")) {
        const path = prefix + name.slice(0, -1);
        const verdict = rules.empty ? undefined : rules.judge(path, parent);
        if (!scope.mayInclude(path) || (verdict?.ignored && !rules.mayReinclude(path))) continue;
        enter(path, verdict, verdict?.ignored ? [...ignoredAbove, path] : ignoredAbove);
      } else {
        const path = prefix + name;
        if (dirent.isSocket() || rules.ignoresIn(path, parent) || !scope.includes(path)) continue;
        for (const above of ignoredAbove) if (scope.includes(above)) late.add(above);
        if (kept) kept.push(path);
        else found(path);
      }
    }
  }
}

/**
 * Each entry under its name, and each folder again, to be entered, under its name and a `/`: sorted like this, the paths of a whole
 * tree come in the order of their code units.
 */
function inOrder(entries: [string, Dirent][]): [string, Dirent][] {
  const folders = entries.filter(([, dirent]) => dirent.isDirectory());
  const all = [...entries, ...folders.map(([name, dirent]): [string, Dirent] => [`${name}/`, dirent])];
  return all.sort(([a], [b]) => (a < b ? -1 : 1));
}

function list(root: string, folder: string): [string, Dirent][] {
  const path = folder === "" ? root : `${root}/${folder}`;
  try {
    const entries = readdirSync(encodePath(path), { withFileTypes: true });
    if (!entries.some(({ name }) => name.includes("\ufffd")))
      return entries.map((dirent) => [dirent.name, dirent]);
    // Names that are not UTF-8 come as bytes when asked for, which Node's types do not know.
    const raw = readdirSync(encodePath(path), { withFileTypes: true, encoding: "buffer" as never });
    return raw.map((dirent) => [decodeName(dirent.name as unknown as Buffer), dirent]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && folder !== "") return [];
    throw unreadable(folder === "" ? root : folder, error);
  }
}
