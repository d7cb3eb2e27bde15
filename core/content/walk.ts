import { type Dirent, lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import type { IgnoreRules, Verdict } from "./ignore";
import { decodeName, encodePath } from "./names";
import { ContentError, type EntryType } from "./types";

/** One entry of a context, as it was found. */
export interface Entry {
  path: string;
  type: EntryType;
  stat: Stats;
  /** Of a symlink. */
  target?: string;
}

/** Decides what is looked at, beside the ignore rules. */
export interface Scope {
  /** Whether the entry counts. */
  includes(path: string): boolean;
  /** Whether anything below the folder can count. */
  mayInclude(folder: string): boolean;
}

/**
 * Everything in a context that the builder can see and `scope` asks for, in code unit order of the paths.
 *
 * As BuildKit's client does it: a folder that is ignored is there all the same when something below it is re-included, sockets
 * are never sent, no link is followed.
 */
export function walk(root: string, rules: IgnoreRules, scope: Scope): Entry[] {
  const found: Entry[] = [];
  enter("", undefined, []);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));

  function enter(folder: string, parent: Verdict | undefined, above: Folder[]): void {
    for (const { name, dirent } of list(root, folder)) {
      const path = folder === "" ? name : `${folder}/${name}`;
      const verdict = rules.empty ? undefined : rules.judge(path, parent);
      const ignored = verdict?.ignored ?? false;
      const included = scope.includes(path);
      const inside =
        dirent.isDirectory() && scope.mayInclude(path) && !(ignored && !rules.mayReinclude(path));
      if (!inside && (ignored || !included)) continue;
      const entry = read(root, path, dirent);
      if (!entry) continue;
      if (!ignored && included) report(above, entry);
      if (inside) enter(path, verdict, [...above, { entry, counts: included, reported: !ignored }]);
    }
  }

  function report(above: Folder[], entry: Entry): void {
    for (const folder of above) {
      if (!folder.reported && folder.counts) found.push(folder.entry);
      folder.reported = true;
    }
    found.push(entry);
  }
}

interface Folder {
  entry: Entry;
  counts: boolean;
  reported: boolean;
}

function list(root: string, folder: string): { name: string; dirent: Dirent }[] {
  const path = folder === "" ? root : `${root}/${folder}`;
  try {
    const entries = readdirSync(encodePath(path), { withFileTypes: true });
    if (!entries.some((e) => e.name.includes("\ufffd")))
      return entries.map((dirent) => ({ name: dirent.name, dirent }));
    // Node reads these as bytes only when asked, and its types do not know that a name can then be a Buffer.
    const raw = readdirSync(encodePath(path), { withFileTypes: true, encoding: "buffer" as never });
    return raw.map((dirent) => ({ name: decodeName(dirent.name as unknown as Buffer), dirent }));
  } catch (error) {
    throw unreadable(folder === "" ? root : folder, error);
  }
}

function read(root: string, path: string, dirent: Dirent): Entry | undefined {
  if (dirent.isSocket()) return undefined;
  const full = encodePath(`${root}/${path}`);
  let stat: Stats;
  try {
    stat = lstatSync(full);
    if (stat.isSymbolicLink())
      return { path, type: "symlink", stat, target: decodeName(readlinkSync(full, "buffer")) };
  } catch (error) {
    throw unreadable(path, error);
  }
  if (stat.isFile()) return { path, type: "file", stat };
  if (stat.isDirectory()) return { path, type: "directory", stat };
  if (stat.isFIFO()) return { path, type: "fifo", stat };
  throw new ContentError(`${path}: is a device; list it in .dockerignore`);
}

function unreadable(path: string, error: unknown): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EACCES" || code === "EPERM") {
    return new ContentError(
      `${path}: cannot be read; give yourself the permission, or list it in .dockerignore`,
    );
  }
  return error as Error;
}
