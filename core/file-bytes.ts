import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { Problems, problem } from "./problems";

/** A file whose bytes stay on this machine's disk until they are sent: it is too large to be held in memory. */
export interface FileOnDisk {
  file: string;
  /** Bytes. */
  size: number;
  /** Of its bytes when it was looked at first, 64 hex digits. */
  sha256: string;
}

/** How much of a file is in memory at a time. Bytes. */
const PIECE = 1024 * 1024;

export const sizeOf = (bytes: Uint8Array | FileOnDisk): number =>
  bytes instanceof Uint8Array ? bytes.length : bytes.size;

/**
 * The bytes, in pieces.
 *
 * @throws Problems when a file has become shorter; what it has become longer by is left out.
 */
export function* piecesOf(bytes: Uint8Array | FileOnDisk): Generator<Uint8Array> {
  if (bytes instanceof Uint8Array) {
    yield bytes;
    return;
  }
  const handle = openSync(bytes.file, "r");
  try {
    for (let left = bytes.size; left > 0; ) {
      const piece = Buffer.alloc(Math.min(PIECE, left));
      const length = readSync(handle, piece);
      if (length === 0)
        throw new Problems([problem(bytes.file, "became shorter while it was read", "run it again")]);
      left -= length;
      yield piece.subarray(0, length);
    }
  } finally {
    closeSync(handle);
  }
}

/** SHA-256 of a file's bytes, 64 hex digits. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
