import type { Stats } from "node:fs";

/** Number of values kept for each file: mode, size in bytes, mtime and ctime in milliseconds, inode, device. */
export const STAT_FIELDS: 6;

export function putStat(stat: Stats, out: Float64Array, at: number): void;

/**
 * SHA-256 of a file's bytes as 64 hex digits.
 *
 * @param stats its numbers begin at `at`
 * @returns undefined when the file is no longer the one that the numbers describe
 * @throws what `fs` throws
 */
export function digestIfUnchanged(path: string | Buffer, stats: Float64Array, at: number): string | undefined;

/** Work on some files, in the form sent to a worker. Files that fail are left as zeros. */
export interface Job {
  kind: "stat" | "digest";
  root: string;
  /** Relative to `root`, separated by NUL. */
  paths: string;
  /** {@link STAT_FIELDS} doubles per path: filled by `stat`, taken by `digest`. */
  stats: SharedArrayBuffer;
  /** 64 hex digits in ASCII per path: filled by `digest`. */
  digests?: SharedArrayBuffer;
}

export function runJob(job: Job): void;
