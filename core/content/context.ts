import { readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { digestFile, sha256 } from "./digest";
import type { Source } from "./dockerfile";
import { IgnoreRules, readIgnoreFile } from "./ignore";
import { Modes } from "./mode";
import { select } from "./select";
import { ContentError, type ContentFile, type ContentIdentity } from "./types";
import { type Entry, walk } from "./walk";

/** A context folder, with the ignore rules that apply in it. */
export interface Context {
  /** Of a named context. */
  name?: string;
  root: string;
  rules: IgnoreRules;
  ignoreFile?: ContentIdentity["ignoreFiles"][number];
}

/**
 * @param dockerfile whose own ignore file goes before the context's; a named context knows only its own `.dockerignore`
 * @throws ContentError
 */
export function openContext(folder: string, name?: string, dockerfile?: string): Context {
  const root = existingFolder(
    folder,
    name === undefined ? "the build context" : `the build context "${name}"`,
  );
  for (const path of [...(dockerfile ? [`${dockerfile}.dockerignore`] : []), join(root, ".dockerignore")]) {
    const text = readIfThere(path);
    if (text === undefined) continue;
    const shown = relative(root, path);
    const patterns = readIgnoreFile(text, shown);
    const ignoreFile = {
      ...(name !== undefined && { context: name }),
      path: shown,
      sha256: sha256(patterns.join("\n")),
    };
    return { ...(name !== undefined && { name }), root, rules: new IgnoreRules(patterns), ignoreFile };
  }
  return { ...(name !== undefined && { name }), root, rules: new IgnoreRules([]) };
}

/** What the sources take from a context, sorted by path. */
export function readContext(context: Context, sources: Source[]): ContentFile[] {
  const { root, rules, name } = context;
  const entries = walk(root, rules, select(root, sources));
  const modes = new Modes(
    statSync(root),
    entries.filter(({ type }) => type === "file").map(({ stat }) => stat),
  );
  return entries.flatMap((entry) => {
    const file = contentFile(root, entry, modes);
    return file ? [name === undefined ? file : { ...file, context: name }] : [];
  });
}

function contentFile(
  root: string,
  { path, type, stat, target }: Entry,
  modes: Modes,
): ContentFile | undefined {
  switch (type) {
    case "file": {
      const digest = digestFile(root, path);
      return digest && { path, type, mode: modes.of(stat), sha256: digest.sha256 };
    }
    case "symlink":
      return { path, type, mode: "0777", sha256: sha256(target!) };
    case "directory":
    case "fifo":
      return { path, type, mode: modes.of(stat), sha256: "" };
  }
}

function existingFolder(folder: string, what: string): string {
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

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code!)) return undefined;
    throw error;
  }
}
