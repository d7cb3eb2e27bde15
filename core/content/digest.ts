import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { encodePath } from "./names";
import { ContentError } from "./types";

const ATTEMPTS = 3;
const buffer = Buffer.allocUnsafe(1 << 18);

export const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");

/**
 * The digest of a file's bytes. A file that changes while it is read is read again.
 *
 * @returns undefined when the file is not there any more
 */
export function digestFile(root: string, path: string): { sha256: string; stat: Stats } | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    let fd: number;
    try {
      // O_NONBLOCK: a FIFO that has taken the file's place must not hold the run up.
      fd = openSync(
        encodePath(`${root}/${path}`),
        constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW,
      );
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined;
      if (code === "EACCES" || code === "EPERM") {
        throw new ContentError(
          `${path}: cannot be read; give yourself the permission, or list it in .dockerignore`,
        );
      }
      throw error;
    }
    try {
      const before = fstatSync(fd);
      if (!before.isFile()) return undefined;
      const hash = createHash("sha256");
      let bytes = 0;
      for (let n = 1; n > 0; bytes += n) {
        n = readSync(fd, buffer, 0, buffer.length, null);
        hash.update(buffer.subarray(0, n));
      }
      const after = fstatSync(fd);
      if (bytes === after.size && before.mtimeMs === after.mtimeMs && before.ctimeMs === after.ctimeMs) {
        return { sha256: hash.digest("hex"), stat: after };
      }
    } finally {
      closeSync(fd);
    }
  }
  throw new ContentError(
    `${path}: changes while it is read; stop what writes it, or list it in .dockerignore`,
  );
}
