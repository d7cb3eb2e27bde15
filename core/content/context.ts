import { lstatSync, readFileSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, isAbsolute, join, relative } from "node:path";
import { sha256 } from "./files/digest";
import { decodeName } from "./files/names";
import { unreadable } from "./files/unreadable";
import { IgnoreRules, readIgnoreFile } from "./ignore";
import { ContentError, type ContentIdentity } from "./types";

/** A context folder and its ignore rules. */
export interface Context {
  /** The name of a named context; absent for the main one. */
  name?: string;
  root: string;
  rules: IgnoreRules;
  ignoreFile?: ContentIdentity["ignoreFiles"][number];
  /** Permissions of the Dockerfile, which reveal the checkout's umask; absent for an inline Dockerfile. */
  sampleMode?: number;
}

/** The file of a build's Dockerfile. */
export interface DockerfileEntry {
  /** Its absolute path as the build names it; its own ignore file is named after this path. */
  path: string;
  /** Where it was found: BuildKit also accepts `dockerfile` for `Dockerfile`. */
  found: string;
  mode: number;
}

/**
 * @param dockerfile its own ignore file takes precedence over `.dockerignore`; not in a named context
 * @throws ContentError
 */
export function openContext(folder: string, name: string | undefined, dockerfile?: DockerfileEntry): Context {
  const root = existingFolder(folder, name);
  const own = dockerfile && name === undefined ? [`${dockerfile.path}.dockerignore`] : [];
  const opened = {
    ...(name !== undefined && { name }),
    root,
    ...(dockerfile && { sampleMode: dockerfile.mode }),
  };
  for (const path of [...own, join(root, ".dockerignore")]) {
    const text = readIfThere(path);
    if (text === undefined || !isSent(path)) continue;
    const shown = relative(root, path);
    const patterns = readIgnoreFile(text, shown);
    const ignoreFile = {
      ...(name !== undefined && { context: name }),
      path: shown,
      sha256: sha256(patterns.join("\n")),
    };
    return { ...opened, rules: new IgnoreRules(patterns), ignoreFile };
  }
  return { ...opened, rules: new IgnoreRules([]) };
}

/**
 * @returns the folder's real path, links resolved
 * @throws ContentError
 */
export function existingFolder(folder: string, name?: string): string {
  const what = name === undefined ? "the build context" : `the build context "${name}"`;
  if (!isAbsolute(folder)) {
    throw new ContentError(`${folder}: ${what} is not an absolute path; give the folder's full path`);
  }
  let stat: Stats | undefined;
  try {
    stat = statSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  if (stat?.isDirectory()) return realpathSync(folder);
  throw new ContentError(`${folder}: ${what} is not a folder; correct the path in the compose file`);
}

/** A file's text, decoded by {@link decodeName}; undefined when there is no such file. */
export function readIfThere(path: string): string | undefined {
  try {
    return decodeName(readFileSync(path));
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code!)) return undefined;
    throw unreadable(path, error);
  }
}

/**
 * Whether the builder can read an ignore file. A link is sent together with its target only within its own folder. A link
 * that leads elsewhere is broken for the builder, and its rules do not apply.
 */
function isSent(path: string): boolean {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return true;
  const top = realpathSync(dirname(path));
  return !isAbsolute(readlinkSync(path)) && realpathSync(path).startsWith(`${top}/`);
}
