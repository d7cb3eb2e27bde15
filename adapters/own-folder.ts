import { createHash, randomUUID } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { Problems, problem } from "../core/problems";

/** Where everfresh keeps its own files, relative to the checkout. */
const own = ".everfresh";

/**
 * Creates a folder below `.everfresh/`, and the folders above it, readable only by its owner, because it may hold build
 * arguments.
 *
 * None of them may be a link. A repository can contain one (`.everfresh/build/prod -> /home/me`), and everfresh would write
 * or remove other files through it.
 *
 * @returns its path, relative to the checkout.
 * @throws Problems if a link or a file is in its place.
 */
export function makeOwnFolder(...names: string[]): string {
  let folder = "";
  for (const name of [own, ...names]) {
    folder = path.join(folder, name);
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found === undefined) mkdirSync(folder, { recursive: true, mode: 0o700 });
    else if (!found.isDirectory()) {
      const what = found.isSymbolicLink() ? "is a link" : "is not a folder";
      throw new Problems([problem(folder, `${what}, and everfresh keeps its own files there`, "remove it")]);
    } else if ((found.mode & 0o077) !== 0 && found.uid === process.getuid?.()) chmodSync(folder, 0o700);
  }
  return folder;
}

/**
 * The same for a folder that a run can do without, such as a cache: failing to create it is not an error.
 *
 * @throws Problems as {@link makeOwnFolder} does.
 */
export function ownFolder(...names: string[]): string {
  try {
    return makeOwnFolder(...names);
  } catch (error) {
    if (error instanceof Problems) throw error;
    return path.join(own, ...names);
  }
}

/**
 * Writes a file below `.everfresh/`, readable only by its owner. It is replaced completely or not at all, even if another
 * process writes it at the same time.
 *
 * @param names the names of its folders and of the file.
 */
export async function replaceOwnFile(
  names: [...folder: string[], file: string],
  text: string,
): Promise<void> {
  const file = path.join(makeOwnFolder(...names.slice(0, -1)), names.at(-1)!);
  const unfinished = `${file}.${randomUUID()}`;
  try {
    await writeFile(unfinished, text, { mode: 0o600, flag: "wx" });
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/**
 * A file name for any name from the compose file or from Pulumi: the name itself if it is plain, otherwise a hash that no
 * plain name can equal.
 */
export function fileName(name: string): string {
  return /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$/.test(name)
    ? name
    : `.${createHash("sha256").update(name).digest("hex").slice(0, 32)}`;
}
