import { lstatSync, readdirSync } from "node:fs";
import path from "node:path";

/** A folder or file of a context, with all that is below it. */
export interface Weight {
  /** Relative to the context; a folder ends in `/`. */
  path: string;
  files: number;
  bytes: number;
}

/** Everything in a context folder, told apart by whether it counts. */
export interface ContextListing {
  counted: Weight;
  /** The folders directly in the context and the files there, heaviest first. */
  heaviest: Weight[];
  /** What the build does not see: whole folders where nothing in them counts. */
  unseen: Weight[];
}

/**
 * Lists a context folder.
 *
 * Paths are relative to the context, with `/` between the parts.
 *
 * @param counts - whether a file or link counts.
 * @param apart - what is neither seen nor left out: the Dockerfile and its ignore file, which the builder reads itself.
 */
export function listContext(
  root: string,
  counts: (path: string) => boolean,
  apart: ReadonlySet<string> = new Set(),
): ContextListing {
  const unseen: Weight[] = [];
  const heaviest: Weight[] = [];
  const whole = visit("");
  unseen.push(...whole.unseen);
  return {
    counted: whole.counted,
    heaviest: heaviest.sort((a, b) => b.bytes - a.bytes),
    unseen: unseen.sort((a, b) => b.bytes - a.bytes),
  };

  function visit(folder: string): { counted: Weight; hidden: Weight; unseen: Weight[] } {
    const shown = folder === "" ? "./" : `${folder}/`;
    const counted: Weight = { path: shown, files: 0, bytes: 0 };
    const hidden: Weight = { path: shown, files: 0, bytes: 0 };
    const below: Weight[] = [];
    for (const { name, isFolder, bytes } of list(path.join(root, folder))) {
      const at = folder === "" ? name : `${folder}/${name}`;
      if (apart.has(at) && !counts(at)) continue;
      const entry = isFolder ? visit(at) : leaf(at, bytes);
      add(counted, entry.counted);
      add(hidden, entry.hidden);
      below.push(...entry.unseen);
      if (folder === "" && entry.counted.files > 0) heaviest.push(entry.counted);
    }
    const nothingCounts = counted.files === 0 && hidden.files > 0 && folder !== "";
    return { counted, hidden, unseen: nothingCounts ? [hidden] : below };
  }

  function leaf(at: string, bytes: number) {
    const none = { path: at, files: 0, bytes: 0 };
    const one = { path: at, files: 1, bytes };
    return counts(at)
      ? { counted: one, hidden: none, unseen: [] }
      : { counted: none, hidden: one, unseen: [one] };
  }
}

function add(sum: Weight, each: Weight): void {
  sum.files += each.files;
  sum.bytes += each.bytes;
}

function list(folder: string): { name: string; isFolder: boolean; bytes: number }[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((entry) => ({
        name: entry.name,
        isFolder: entry.isDirectory(),
        bytes: entry.isFile() ? lstatSync(path.join(folder, entry.name)).size : 0,
      }));
  } catch {
    return []; // not readable, or gone meanwhile: what counts was read before, this only describes
  }
}
