import { type FileOnDisk, piecesOf, sizeOf } from "../file-bytes";

/**
 * A tar writer for what the program's text carries to a host. Format: ustar (IEEE Std 1003.1, pax, "ustar Interchange
 * Format") with GNU's long-name records, because busybox's tar, which a host may have, skips pax's (and tar-stream writes
 * only those). The same entries give the same bytes: no times, no owners.
 */
export type TarEntry =
  | {
      type: "file";
      path: string;
      executable: boolean;
      /** Whether nobody but its owner may read it. */
      private?: boolean;
      bytes: Uint8Array | FileOnDisk;
    }
  | { type: "directory"; path: string }
  | { type: "symlink"; path: string; target: string };

const BLOCK = 512;
const FLAGS = { file: "0", symlink: "2", directory: "5", longTarget: "K", longPath: "L" } as const;

/** @throws RangeError for a path or target with a NUL character, or a file of 8 GiB or more. */
export const tar = (entries: TarEntry[]): Buffer => Buffer.concat([...tarPieces(entries)]);

/** The same in pieces, so that large files are never whole in memory. */
export function* tarPieces(entries: readonly TarEntry[]): Generator<Uint8Array> {
  for (const entry of entries) {
    const path = bytesOf(entry.type === "directory" ? `${entry.path}/` : entry.path);
    const target = bytesOf(entry.type === "symlink" ? entry.target : "");
    const size = entry.type === "file" ? sizeOf(entry.bytes) : 0;
    const mode = modeOf(entry);
    yield* longRecord(FLAGS.longPath, path);
    yield* longRecord(FLAGS.longTarget, target);
    yield header(path, mode, size, FLAGS[entry.type], target);
    if (entry.type === "file") yield* piecesOf(entry.bytes);
    yield padding(size);
  }
  yield Buffer.alloc(2 * BLOCK);
}

function modeOf(entry: TarEntry): number {
  if (entry.type !== "file") return 0o755;
  const open = entry.executable ? 0o755 : 0o644;
  return entry.private ? open & ~0o077 : open;
}

function bytesOf(name: string): Buffer {
  if (name.includes("\0"))
    throw new RangeError(`${JSON.stringify(name)}: a path cannot contain a NUL character`);
  return Buffer.from(name);
}

/** GNU's record for a name over 100 bytes; the header after it has only the name's first 100 bytes. */
function longRecord(flag: string, name: Buffer): Uint8Array[] {
  if (name.length <= 100) return [];
  const content = Buffer.concat([name, Buffer.alloc(1)]);
  return [
    header(Buffer.from("././@LongLink"), 0o644, content.length, flag, Buffer.alloc(0)),
    content,
    padding(content.length),
  ];
}

/** Pads to the next whole block. */
const padding = (size: number) => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

function header(path: Buffer, mode: number, size: number, flag: string, target: Buffer): Buffer {
  if (size >= 8 ** 11) throw new RangeError(`${path}: too large for a release; put it into an image`);
  const block = Buffer.alloc(BLOCK);
  path.copy(block, 0, 0, 100);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136);
  block.fill(" ", 148, 156);
  block.write(flag, 156);
  target.copy(block, 157, 0, 100);
  block.write("ustar\x0000", 257);
  block.write(
    `${octal(
      block.reduce((sum, byte) => sum + byte),
      6,
    )}\0 `,
    148,
  );
  return block;
}

const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
