import type { FolderCache } from "../stat-cache";
import { digestFile } from "./digest";
import { STAT_FIELDS } from "./file-work";
import { type Listing, shortest } from "./listing";
import type { WorkerPool } from "./worker-pool";

/** Limits of a batch: large enough to be worth a message, small enough to spread the work evenly. */
const BATCH_FILES = 256;
const BATCH_BYTES = 8 << 20;
/** Less than this is read faster than a worker starts. */
const WORTH_WORKERS_FILES = 500;
const WORTH_WORKERS_BYTES = 32 << 20;

/**
 * The digests of files in a listing, in the order of `wanted`; undefined for a file that is gone.
 *
 * @param wanted indices in the listing
 * @throws ContentError for a file that cannot be read or does not stop changing
 */
export function digestsOf(
  listing: Listing,
  wanted: number[],
  pool: WorkerPool,
  cache: FolderCache | undefined,
): (string | undefined)[] {
  const known = wanted.map((i) => cache?.lookup(listing.paths[i]!, listing.statsOf(i), listing.offsetOf(i)));
  const missing: number[] = [];
  for (let k = 0; k < known.length; k++) if (known[k] === undefined) missing.push(k);
  const readAt = Date.now();
  const bytes = missing.reduce((total, k) => total + listing.size(wanted[k]!), 0);
  if (missing.length >= WORTH_WORKERS_FILES || bytes >= WORTH_WORKERS_BYTES) pool.start();

  const batches = split(missing, (k) => listing.size(wanted[k]!)).map((batch) => {
    const stats = new Float64Array(new SharedArrayBuffer(batch.length * STAT_FIELDS * 8));
    const digests = new SharedArrayBuffer(batch.length * 64);
    for (const [n, k] of batch.entries()) {
      const at = listing.offsetOf(wanted[k]!);
      stats.set(listing.statsOf(wanted[k]!).subarray(at, at + STAT_FIELDS), n * STAT_FIELDS);
    }
    const paths = batch.map((k) => listing.paths[wanted[k]!]).join("\0");
    pool.publish({ kind: "digest", root: shortest(listing.root), paths, stats: stats.buffer, digests });
    return { batch, stats, digests };
  });
  pool.finish();

  for (const { batch, stats, digests } of batches) {
    const text = Buffer.from(digests).toString("latin1");
    for (const [n, k] of batch.entries()) {
      const path = listing.paths[wanted[k]!]!;
      const found = text.charCodeAt(n * 64) !== 0;
      const digest = found
        ? { sha256: text.slice(n * 64, n * 64 + 64), stat: stats }
        : digestFile(listing.root, path);
      known[k] = digest?.sha256;
      if (digest) cache?.remember(path, digest.stat, found ? n * STAT_FIELDS : 0, digest.sha256, readAt);
    }
  }
  return known;
}

/** Large files come first, each in its own batch, so that no worker begins one at the end. */
function split(items: number[], size: (item: number) => number): number[][] {
  const batches = items.filter((item) => size(item) > BATCH_BYTES).map((item) => [item]);
  let batch: number[] = [];
  let bytes = 0;
  for (const item of items) {
    if (size(item) > BATCH_BYTES) continue;
    if (batch.length === BATCH_FILES || bytes + size(item) > BATCH_BYTES) {
      batches.push(batch);
      [batch, bytes] = [[], 0];
    }
    batch.push(item);
    bytes += size(item);
  }
  return batch.length > 0 ? [...batches, batch] : batches;
}
