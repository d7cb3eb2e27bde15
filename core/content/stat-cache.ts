import { createHash } from "node:crypto";
import {
  appendFileSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type CacheTable, decodeTable, emptyTable, encodeTable } from "./files/cache-table";
import { STAT_FIELDS } from "./files/file-work";

/** Some file systems (FAT) record times in steps of 2 s, so a younger file can change again and keep its times. */
const GRANULARITY_MS = 2_000;
/** Saves after which an unused entry is dropped. More than one, because services may read different parts of a context. */
const MOST_IDLE = 20;

/**
 * Remembers the digests of files between runs, one cache file per context folder.
 *
 * A digest is used only if size, mtime, ctime, inode and device are unchanged since the file was read; restoring an old mtime
 * changes the ctime. A file written less than two seconds before it was read is not remembered, because another write could
 * leave the same times. A cache file that is damaged, describes another folder or belongs to another user is ignored, which
 * costs only time, like a failure to save. Concurrent runs replace the whole file, and the last one wins.
 */
export class StatCache {
  readonly #folder: string;
  readonly #open = new Map<string, FolderCache>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param folder the folder of the cache files; created when something is saved */
  static open(folder: string): StatCache {
    return new StatCache(folder);
  }

  /** The known digests of the files in a context folder. */
  of(root: string): FolderCache {
    let cache = this.#open.get(root);
    if (!cache) {
      cache = new FolderCache(readTable(this.#file(root), root));
      this.#open.set(root, cache);
    }
    return cache;
  }

  /** Saves new digests. Never throws. */
  save(): void {
    for (const [root, cache] of this.#open) {
      if (!cache.changed) continue;
      try {
        mkdirSync(this.#folder, { recursive: true });
        replaceFile(this.#file(root), (behind) => encodeTable(root, cache.table(behind)));
      } catch {
        // A read-only checkout, a full disk: the next run reads the files again.
      }
    }
  }

  #file(root: string): string {
    return join(this.#folder, createHash("sha256").update(root).digest("hex").slice(0, 24));
  }
}

interface Entry {
  sha256: string;
  /**
   * Its {@link STAT_FIELDS} numbers begin at `at`. Files share the array, because one array each would dominate memory
   * use.
   */
  stats: Float64Array;
  at: number;
  /** When reading it began, by this machine's clock, in milliseconds. */
  readAt: number;
}

export class FolderCache {
  readonly #old: CacheTable;
  readonly #asked: Uint8Array;
  readonly #fresh = new Map<string, Entry>();
  #places: Map<string, number> | undefined;
  /** The likely index of the next path: lookups come in the order of the cache file. */
  #next = 0;

  constructor(old: CacheTable) {
    this.#old = old;
    this.#asked = new Uint8Array(old.paths.length);
  }

  get changed(): boolean {
    return this.#fresh.size > 0;
  }

  /** The approximate number of files that a run will look up; 0 for a new folder. */
  get size(): number {
    return this.#old.paths.length;
  }

  /** @param stat the file's numbers now, beginning at `at` */
  lookup(path: string, stat: Float64Array, at: number): string | undefined {
    const fresh = this.#fresh.size > 0 ? this.#fresh.get(path) : undefined;
    if (fresh && same(fresh.stats, fresh.at, stat, at) && isSettled(fresh, 0)) return fresh.sha256;
    const place = this.#find(path);
    if (place === undefined || !same(this.#old.stats, place * STAT_FIELDS, stat, at)) return undefined;
    this.#asked[place] = 1;
    return digestAt(this.#old, place);
  }

  /**
   * @param stats the file's numbers begin at `at`; must not be changed afterwards
   * @param readAt when reading the file began, by this machine's clock, in milliseconds
   */
  remember(path: string, stats: Float64Array, at: number, sha256: string, readAt: number): void {
    // The cache file is UTF-8, which cannot hold other names.
    if (path.isWellFormed()) this.#fresh.set(path, { sha256, stats, at, readAt });
  }

  /** @param behind how far the file system's clock is behind this machine's, in milliseconds */
  table(behind: number): CacheTable {
    const fresh = [...this.#fresh.keys()].filter((path) => isSettled(this.#fresh.get(path)!, behind)).sort();
    const [old, most] = [this.#old, this.#old.paths.length + fresh.length];
    const [paths, digests]: [string[], string[]] = [[], []];
    const [stats, idle] = [new Float64Array(most * STAT_FIELDS), new Uint8Array(most)];
    const add = (path: string, sha256: string, from: Float64Array, at: number, since: number) => {
      idle[paths.length] = since;
      stats.set(from.subarray(at, at + STAT_FIELDS), paths.length * STAT_FIELDS);
      paths.push(path);
      digests.push(sha256);
    };
    let next = 0;
    const addFreshBefore = (path: string | undefined) => {
      while (next < fresh.length && (path === undefined || fresh[next]! < path)) {
        const { sha256, stats, at } = this.#fresh.get(fresh[next]!)!;
        add(fresh[next++]!, sha256, stats, at, 0);
      }
    };
    for (const [place, path] of old.paths.entries()) {
      addFreshBefore(path);
      const since = this.#asked[place] ? 0 : old.idle[place]! + 1;
      if (since <= MOST_IDLE && !this.#fresh.has(path))
        add(path, digestAt(old, place), old.stats, place * STAT_FIELDS, since);
    }
    addFreshBefore(undefined);
    return {
      paths,
      stats: stats.subarray(0, paths.length * STAT_FIELDS),
      digests: digests.join(""),
      idle: idle.subarray(0, paths.length),
    };
  }

  #find(path: string): number | undefined {
    const { paths } = this.#old;
    if (paths[this.#next] === path) return this.#next++;
    this.#places ??= new Map(paths.map((each, place) => [each, place]));
    const place = this.#places.get(path);
    if (place !== undefined) this.#next = place + 1;
    return place;
  }
}

const digestAt = ({ digests }: CacheTable, place: number) => digests.slice(place * 64, place * 64 + 64);

/** Compares size, mtime, ctime, inode and device, but not the mode, which does not affect the digest. */
function same(a: Float64Array, at: number, b: Float64Array, bt: number): boolean {
  for (let i = 1; i < STAT_FIELDS; i++) if (a[at + i] !== b[bt + i]) return false;
  return true;
}

/** Whether any later write to the file shows in its times. */
function isSettled({ stats, at, readAt }: Entry, behind: number): boolean {
  return Math.max(stats[at + 2]!, stats[at + 3]!) + GRANULARITY_MS <= readAt - Math.max(0, behind);
}

function readTable(file: string, root: string): CacheTable {
  try {
    const foreign = process.getuid !== undefined && statSync(file).uid !== process.getuid();
    return (foreign ? undefined : decodeTable(root, readFileSync(file))) ?? emptyTable();
  } catch {
    return emptyTable();
  }
}

/** @param content receives how far the file system's clock is behind this machine's, in milliseconds */
function replaceFile(file: string, content: (behind: number) => Uint8Array[]): void {
  const temporary = `${file}.${process.pid}`;
  const fd = openSync(temporary, "w", 0o600);
  try {
    const before = Date.now();
    writeFileSync(fd, "\0");
    const pieces = content(before - fstatSync(fd).mtimeMs);
    truncateSync(temporary);
    for (const piece of pieces) appendFileSync(temporary, piece);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}
