import { lstatSync } from "node:fs";
import { relative } from "node:path";
import { putStat, STAT_FIELDS } from "./file-work";
import { encodePath } from "./names";
import { unreadable } from "./unreadable";
import type { WorkerPool } from "./worker-pool";

const BATCH = 1024;
/** Fewer than this are examined faster than a worker starts. */
const WORTH_WORKERS = 4 * BATCH;

/** Paths of a context with the `stat` of each, fetched on all cores while paths are still being added. */
export class Listing {
  readonly root: string;
  readonly paths: string[] = [];
  readonly #pool: WorkerPool;
  readonly #batches: Float64Array[] = [];

  /** @param expected the approximate number of paths */
  constructor(root: string, pool: WorkerPool, expected: number) {
    this.root = root;
    this.#pool = pool;
    if (expected >= WORTH_WORKERS) pool.start();
  }

  add(path: string): void {
    this.paths.push(path);
    if (this.paths.length === WORTH_WORKERS) this.#pool.start();
    if (this.paths.length % BATCH === 0) this.#publish();
  }

  /** Call once, after the last path. An entry that has disappeared since has mode 0. */
  finish(): void {
    if (this.paths.length > this.#batches.length * BATCH) this.#publish();
    this.#pool.finish();
    for (const [i, path] of this.paths.entries())
      if (this.mode(i) === 0 || !path.isWellFormed()) this.#fetch(i);
  }

  /** The array that holds a path's numbers; they begin at {@link offsetOf}. */
  statsOf(i: number): Float64Array {
    return this.#batches[Math.floor(i / BATCH)]!;
  }

  offsetOf(i: number): number {
    return (i % BATCH) * STAT_FIELDS;
  }

  mode(i: number): number {
    return this.statsOf(i)[this.offsetOf(i)]!;
  }

  size(i: number): number {
    return this.statsOf(i)[this.offsetOf(i) + 1]!;
  }

  #publish(): void {
    const paths = this.paths.slice(this.#batches.length * BATCH);
    const stats = new SharedArrayBuffer(paths.length * STAT_FIELDS * 8);
    this.#batches.push(new Float64Array(stats));
    this.#pool.publish({ kind: "stat", root: shortest(this.root), paths: paths.join("\0"), stats });
  }

  #fetch(i: number): void {
    const stats = this.statsOf(i);
    const at = this.offsetOf(i);
    try {
      const stat = lstatSync(encodePath(`${this.root}/${this.paths[i]}`), { throwIfNoEntry: false });
      if (stat) putStat(stat, stats, at);
      else stats[at] = 0;
    } catch (error) {
      throw unreadable(this.paths[i]!, error);
    }
  }
}

/** Relative to the current folder if possible, because the kernel walks every part of a path on each call. */
export function shortest(root: string): string {
  const from = relative(process.cwd(), root) || ".";
  return from.startsWith("..") ? root : from;
}
