import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import path from "node:path";
import { Problems, problem } from "./problems";

/** Where everfresh keeps its own files, relative to the checkout. */
const own = ".everfresh";

/**
 * Makes a folder below `.everfresh/`, with those above it, for its owner only: build arguments are kept there.
 *
 * None of them may be a link. A repository can bring one along (`.everfresh/build/prod -> /home/me`), and what is written
 * or removed through it is not everfresh's.
 *
 * @returns its path, relative to the checkout.
 * @throws Problems where a link or a file is in its place.
 */
export function makeOwnFolder(...names: string[]): string {
  let folder = "";
  for (const name of [own, ...names]) {
    folder = path.join(folder, name);
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found === undefined) mkdirSync(folder, { recursive: true, mode: 0o700 });
    else if (!found.isDirectory()) {
      const what = found.isSymbolicLink() ? "is a link" : "is not a folder";
      throw new Problems([problem(folder, `${what}, and everfresh keeps its own files there`, "remove it")]);
    } else if ((found.mode & 0o077) !== 0 && found.uid === process.getuid?.()) chmodSync(folder, 0o700);
  }
  return folder;
}

/**
 * The same for what a run can do without: a folder that cannot be written to is none of its concern.
 *
 * @throws Problems as {@link makeOwnFolder} does.
 */
export function ownFolder(...names: string[]): string {
  try {
    return makeOwnFolder(...names);
  } catch (error) {
    if (error instanceof Problems) throw error;
    return path.join(own, ...names);
  }
}

/**
 * What stands for a name of the compose file or of Pulumi in the name of a file: the name itself where it is a plain one,
 * else a hash, which no plain name looks like.
 */
export function fileName(name: string): string {
  return /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$/.test(name)
    ? name
    : `.${createHash("sha256").update(name).digest("hex").slice(0, 32)}`;
}
