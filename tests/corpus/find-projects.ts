import { execFile } from "node:child_process";
import { mkdtemp, readdir, realpath, rm, stat } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { inspectSources } from "../../adapters/mount-sources";
import type { SourceFacts } from "../../core/compose/mounts";

const run = promisify(execFile);

/** As docker compose looks for them, the first one first (docs.docker.com, "How Compose works"). */
const usualNames = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/** The compose files of a folder and of the folders in it, one for each project. */
export async function findProjects(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = new Set(entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name));
  const own = usualNames.find((name) => files.has(name));
  const inside = entries
    .filter((entry) => entry.isDirectory() && !/^(\.git|node_modules)$/.test(entry.name))
    .map(({ name }) => name)
    .sort();
  const found = own ? [path.join(folder, own)] : [];
  for (const name of inside) found.push(...(await findProjects(path.join(folder, name))));
  return found;
}

/**
 * Treats every existing file as tracked by git: downloaded examples have no history. What does not exist is
 * ignored if a `.gitignore` says so.
 *
 * @param root - the folder around all that is looked at.
 */
export function everythingTracked(root: string): typeof inspectSources {
  return async (sources) => {
    const facts = await inspectSources(sources);
    const git = await realpath(await mkdtemp(path.join(os.tmpdir(), "everfresh-corpus-git-")));
    try {
      await run("git", ["init", "--quiet", "--bare", git]);
      const ignores = (source: string) =>
        // `--no-index` asks for the patterns alone; it fails for what is not ignored.
        run(
          "git",
          ["--git-dir", git, "--work-tree", root, "check-ignore", "--no-index", "-q", source, `${source}/`],
          {
            cwd: root,
          },
        ).then(
          () => true,
          () => false,
        );
      const all = [...facts].map(async ([source, { kind, empty }]): Promise<[string, SourceFacts]> => {
        const tracked = kind === "folder" ? !empty && (await hasFile(source)) : kind !== undefined;
        return [source, { kind, empty, tracked, ignored: !tracked && (await ignores(source)) }];
      });
      return new Map(await Promise.all(all));
    } finally {
      await rm(git, { recursive: true });
    }
  };
}

/** Git knows files, no folders; placeholders keep a folder that is otherwise empty. */
async function hasFile(folder: string): Promise<boolean> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) {
      if (!/^\.(git(keep|ignore|attributes)|keep|placeholder)$/.test(entry.name)) return true;
    } else if (entry.name !== ".git" && (await hasFile(path.join(folder, entry.name)))) return true;
  }
  return false;
}

export const isFolder = async (name: string) => (await stat(name)).isDirectory();
