import { createHash } from "node:crypto";
import { STAT_FIELDS } from "./file-work";

/** The content of a cache file: for each path its numbers, its digest, and the number of saves since it was last used. */
export interface CacheTable {
  paths: string[];
  /** {@link STAT_FIELDS} per path. */
  stats: Float64Array;
  /** 64 hex digits per path, one after the other. */
  digests: string;
  idle: Uint8Array;
}

const MAGIC = "everfresh stat cache 1\n";
const SUM_LENGTH = 64;

export const emptyTable = (): CacheTable => ({
  paths: [],
  stats: new Float64Array(0),
  digests: "",
  idle: new Uint8Array(0),
});

/** The bytes of a cache file, in pieces: a checksum of everything after it, the folder it describes, the columns. */
export function encodeTable(root: string, { paths, stats, digests, idle }: CacheTable): Uint8Array[] {
  const body = [
    Buffer.from(`${JSON.stringify({ root, count: paths.length })}\n`),
    Buffer.from(stats.buffer, stats.byteOffset, stats.byteLength),
    Buffer.from(digests, "latin1"),
    idle,
    Buffer.from(paths.join("\0")),
  ];
  return [Buffer.from(MAGIC + sum(body)), ...body];
}

/** @returns undefined for anything but an undamaged cache file of this folder */
export function decodeTable(root: string, bytes: Buffer): CacheTable | undefined {
  const start = MAGIC.length + SUM_LENGTH;
  if (bytes.length < start || bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  const body = bytes.subarray(start);
  if (bytes.toString("latin1", MAGIC.length, start) !== sum([body])) return undefined;
  const headerEnd = body.indexOf("\n") + 1;
  const header = JSON.parse(body.toString("utf8", 0, headerEnd)) as { root: string; count: number };
  if (header.root !== root) return undefined;
  const { count } = header;
  const statsEnd = headerEnd + count * STAT_FIELDS * 8;
  const digestsEnd = statsEnd + count * 64;
  const idleEnd = digestsEnd + count;
  return {
    paths: count === 0 ? [] : body.toString("utf8", idleEnd).split("\0"),
    // Copied, because a Float64Array must begin at a multiple of 8 bytes.
    stats: new Float64Array(Uint8Array.prototype.slice.call(body, headerEnd, statsEnd).buffer),
    digests: body.toString("latin1", statsEnd, digestsEnd),
    idle: Uint8Array.prototype.slice.call(body, digestsEnd, idleEnd),
  };
}

function sum(pieces: Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}
