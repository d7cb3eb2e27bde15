import { randomUUID } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { makeOwnFolder } from "../core/own-folder";

/**
 * Writes a file below `.everfresh/` whole or not at all, whoever else writes it at the same time; for its owner only.
 *
 * @param names the folder's, and the file's.
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
