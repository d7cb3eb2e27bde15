import { createHash } from "node:crypto";
import { lstatSync } from "node:fs";
import { ContentError } from "../types";
import { digestIfUnchanged, putStat, STAT_FIELDS } from "./file-work";
import { encodePath } from "./names";
import { unreadable } from "./unreadable";

const ATTEMPTS = 3;

export const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");

/**
 * The digest of one file and its `stat` at that moment. A file that changes while it is read is read again.
 *
 * @returns undefined when the file is gone
 * @throws ContentError when it cannot be read or does not stop changing
 */
export function digestFile(root: string, path: string): { sha256: string; stat: Float64Array } | undefined {
  const full = encodePath(`${root}/${path}`);
  const stat = new Float64Array(STAT_FIELDS);
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const now = lstatSync(full);
      if (!now.isFile()) return undefined;
      putStat(now, stat, 0);
      const digest = digestIfUnchanged(full, stat, 0);
      if (digest !== undefined) return { sha256: digest, stat };
    }
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes((error as NodeJS.ErrnoException).code!)) return undefined;
    throw unreadable(path, error);
  }
  throw new ContentError(
    `${path}: keeps changing while it is read; stop what writes it, or list it in .dockerignore`,
  );
}
