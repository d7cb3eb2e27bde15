import { closeSync, openSync, readSync } from "node:fs";
import { Problems, problem } from "./problems";

/** A file that is too large to hold in memory: its bytes stay on this machine's disk until they are sent. */
export interface FileOnDisk {
  file: string;
  /** Bytes. */
  size: number;
  /** Digest of its bytes when it was first read, 64 hex digits. */
  sha256: string;
}

/** How much of a file is in memory at a time, in bytes. */
const PIECE = 1024 * 1024;

export const sizeOf = (bytes: Uint8Array | FileOnDisk): number =>
  bytes instanceof Uint8Array ? bytes.length : bytes.size;

/**
 * The bytes, in pieces. The host's tar and the fingerprint stream a large file through this.
 *
 * @throws Problems when a file has become shorter; if it has grown, the added bytes are left out.
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
