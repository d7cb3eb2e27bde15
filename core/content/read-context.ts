import { constants, readlinkSync, statSync } from "node:fs";
import type { Context } from "./context";
import type { Source } from "./dockerfile";
import { sha256 } from "./files/digest";
import { digestsOf } from "./files/digests";
import { Listing } from "./files/listing";
import { encodePath } from "./files/names";
import { WorkerPool } from "./files/worker-pool";
import { Modes } from "./mode";
import { select } from "./select";
import type { FolderCache, StatCache } from "./stat-cache";
import { ContentError, type ContentFile, type EntryType } from "./types";
import { walk } from "./walk";

/** The entries that the sources take from a context, sorted by path. */
export function readContext(
  context: Context,
  sources: Source[],
  cache: StatCache | undefined,
): ContentFile[] {
  const pool = new WorkerPool();
  try {
    const known = cache?.of(context.root);
    const listing = new Listing(context.root, pool, known?.size ?? 0);
    walk(context.root, context.rules, select(context, sources), (path) => listing.add(path));
    listing.finish();
    return contentFiles(context, listing, pool, known);
  } finally {
    pool.stop();
  }
}

function contentFiles(
  { root, name, sampleMode }: Context,
  listing: Listing,
  pool: WorkerPool,
  cache: FolderCache | undefined,
): ContentFile[] {
  const types = listing.paths.map((path, i) => typeOf(listing.mode(i), path));
  const regular: number[] = [];
  for (let i = 0; i < types.length; i++) if (types[i] === "file") regular.push(i);
  const samples = sampleMode === undefined ? regular.map((i) => listing.mode(i)) : [sampleMode];
  const modes = new Modes(statSync(root).mode, samples);
  const digests = digestsOf(listing, regular, pool, cache);
  const files: ContentFile[] = [];
  let next = 0;
  for (let i = 0; i < types.length; i++) {
    const type = types[i];
    const path = listing.paths[i]!;
    const digest = type === "file" ? digests[next++] : type === "symlink" ? linkDigest(root, path) : "";
    // It has disappeared since it was listed.
    if (type === undefined || digest === undefined) continue;
    const mode = type === "symlink" ? "0777" : modes.of(listing.mode(i));
    files.push(
      name === undefined
        ? { path, type, mode, sha256: digest }
        : { path, type, mode, sha256: digest, context: name },
    );
  }
  return files;
}

/** @returns undefined for an entry that is gone */
function typeOf(mode: number, path: string): EntryType | undefined {
  switch (mode & constants.S_IFMT) {
    case 0:
      return undefined;
    case constants.S_IFREG:
      return "file";
    case constants.S_IFDIR:
      return "directory";
    case constants.S_IFLNK:
      return "symlink";
    case constants.S_IFIFO:
      return "fifo";
    case constants.S_IFSOCK:
      return "socket";
    default:
      throw new ContentError(`${path}: is a device; list it in .dockerignore`);
  }
}

function linkDigest(root: string, path: string): string | undefined {
  try {
    return sha256(readlinkSync(encodePath(`${root}/${path}`), "buffer"));
  } catch {
    return undefined;
  }
}
