import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** How many names are given to git in one command line. */
const inOneCall = 500;

/** The state of the working tree that is deployed. */
export interface WorkingTree {
  /** 40 hex digits. */
  commit: string;
  /** Set when the tree differs from the commit: 7 hex digits over the differences, untracked files included. */
  dirty?: string;
}

/** Looks at the git working tree that holds a folder; undefined where there is none, or no commit yet. */
export async function readWorkingTree(folder: string): Promise<WorkingTree | undefined> {
  const git = async (...args: string[]) =>
    (await run("git", ["-C", folder, ...args], { maxBuffer: 256 * 1024 * 1024, encoding: "buffer" })).stdout;
  try {
    const [commit, status] = await Promise.all([
      git("rev-parse", "--verify", "HEAD"),
      git("status", "--porcelain=v1", "-z", "--untracked-files=all"),
    ]);
    const id = commit.toString().trim();
    if (status.length === 0) return { commit: id };
    const untracked = (
      await git("ls-files", "--others", "--exclude-standard", "-z", "--full-name", ":/")
    ).toString();
    const hash = createHash("sha256").update(await git("diff", "HEAD", "--binary"));
    if (untracked !== "") {
      const top = (await git("rev-parse", "--show-toplevel")).toString().replace(/\n$/, "");
      hash.update(untracked);
      // Links and folders that are repositories of their own have no bytes to hash; their names have to do.
      const files = untracked
        .split("\0")
        .filter((name) => name && lstatSync(path.join(top, name), { throwIfNoEntry: false })?.isFile());
      for (let i = 0; i < files.length; i += inOneCall) {
        hash.update(
          await git("-C", top, "hash-object", "--no-filters", "--", ...files.slice(i, i + inOneCall)),
        );
      }
    }
    return { commit: id, dirty: hash.digest("hex").slice(0, 7) };
  } catch {
    return undefined;
  }
}
