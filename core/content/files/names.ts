import { isUtf8 } from "node:buffer";

/**
 * Decodes a name without loss. A byte that is not UTF-8 becomes the lone surrogate 0xDC00 + byte (Python's
 * "surrogateescape"), so names stay distinct, can be sorted, and lead back to their files.
 */
export function decodeName(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let name = "";
  for (let i = 0; i < bytes.length; ) {
    const length = [4, 3, 2, 1].find(
      (n) => i + n <= bytes.length && isOneCharacter(bytes.subarray(i, i + n)),
    );
    name += length ? bytes.toString("utf8", i, i + length) : String.fromCharCode(0xdc00 + bytes[i]!);
    i += length ?? 1;
  }
  return name;
}

/** The path to give to `fs`: the string itself unless it stands for bytes that are not UTF-8. */
export function encodePath(path: string): string | Buffer {
  if (path.isWellFormed()) return path;
  return Buffer.concat(
    [...path].map((c) =>
      /^[\udc80-\udcff]$/u.test(c) ? Buffer.from([c.charCodeAt(0) - 0xdc00]) : Buffer.from(c),
    ),
  );
}

function isOneCharacter(bytes: Buffer): boolean {
  return isUtf8(bytes) && [...bytes.toString("utf8")].length === 1;
}
