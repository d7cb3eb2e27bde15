import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";

const root = path.join(os.tmpdir(), `everfresh-hostile-${process.pid}`);

/** Inputs carry commands that make this file. Nothing else ever does: when it is there, a shell has read an input as code. */
export const canary = path.join(root, "everfresh-canary");

/** What surrounds the code that is handed hostile inputs. */
export interface Box {
  /** The working folder; whatever a case writes belongs here. */
  readonly own: string;
  /** The neighbour, which nothing may change. */
  readonly outside: string;
}

const own = path.join(root, "in", "own");
const outside = path.join(root, "outside");
const origin = process.cwd();
let before: string[] = [];

/** Puts each test of a `describe` into a folder of its own; `tryAll` checks that nothing gets out. */
export function inABox(): Box {
  beforeEach(() => {
    rmSync(root, { recursive: true, force: true });
    mkdirSync(own, { recursive: true });
    mkdirSync(outside);
    writeFileSync(path.join(outside, "file"), "the neighbour's\n", { mode: 0o640 });
    writeFileSync(path.join(root, "in", "sibling"), "the neighbour's\n");
    process.chdir(own);
    before = listing(root, own);
  });
  afterEach(() => {
    process.chdir(origin);
    rmSync(root, { recursive: true, force: true });
  });
  return { own, outside };
}

/** @throws AssertionError when a command out of an input was carried out. */
export function assertNotCarriedOut(): void {
  if (!existsSync(canary)) return;
  // Or each later input would be taken for the one that did it.
  rmSync(canary);
  assert.fail("an input was carried out as a command");
}

/** @throws AssertionError when something outside of the case's folder is not as it was, or a command was carried out. */
export function assertNothingGotOut(): void {
  assertNotCarriedOut();
  assert.deepEqual(listing(root, own), before, "something outside of the case's folder was changed");
  // Where a command had no path to go by.
  const made = [origin, own].some((folder) => existsSync(path.join(folder, path.basename(canary))));
  assert.ok(!made, "an input was carried out as a command");
}

/** Everything below a folder with its type, mode and bytes; the contents of `except` left out. */
export function listing(folder: string, except?: string): string[] {
  const names = readdirSync(folder).sort();
  return names.flatMap((name) => {
    const file = path.join(folder, name);
    const stats = lstatSync(file);
    const line = `${file} ${(stats.mode & 0o777).toString(8)}`;
    if (stats.isDirectory()) return [`${line} folder`, ...(file === except ? [] : listing(file, except))];
    if (stats.isSymbolicLink()) return [`${line} -> ${readlinkSync(file)}`];
    return [stats.isFile() ? `${line} ${readFileSync(file, "latin1")}` : `${line} special`];
  });
}
