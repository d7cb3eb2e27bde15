import { isUtf8 } from "node:buffer";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The number of names passed to git in one command line. */
const inOneCall = 500;

/** The state of the deployed working tree. */
export interface WorkingTree {
  /** 40 hex digits. */
  commit: string;
  /** Set if the tree differs from the commit: 7 hex digits that identify the differences, untracked files included. */
  dirty?: string;
}

/** Reads the state of the git working tree that contains a folder; undefined if there is none, or no commit yet. */
export async function readWorkingTree(folder: string): Promise<WorkingTree | undefined> {
  try {
    const { git, top } = await safeGit(folder);
    const [commit, status] = await Promise.all([
      git("rev-parse", "--verify", "HEAD"),
      git("status", "--porcelain=v1", "-z", "--untracked-files=all"),
    ]);
    const id = commit.toString().trim();
    if (status.length === 0) return { commit: id };
    const untracked = await git("ls-files", "--others", "--exclude-standard", "-z", "--full-name", ":/");
    const hash = createHash("sha256").update(
      await git("diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--submodule=short"),
    );
    if (untracked.length > 0) {
      hash.update(untracked);
      // Links and nested repositories have no bytes to hash, so only their names count.
      const files = split(untracked).filter((name) =>
        lstatSync(below(top, name), { throwIfNoEntry: false })?.isFile(),
      );
      const named = files.filter(isUtf8).map(String);
      for (let i = 0; i < named.length; i += inOneCall) {
        hash.update(
          await git("-C", top, "hash-object", "--no-filters", "--", ...named.slice(i, i + inOneCall)),
        );
      }
      // These names cannot be passed as arguments.
      for (const name of files) if (!isUtf8(name)) hash.update(readFileSync(below(top, name)));
    }
    return { commit: id, dirty: hash.digest("hex").slice(0, 7) };
  } catch {
    return undefined;
  }
}

/** What git knows about a file or folder, which need not exist; empty outside a working tree. */
export async function gitFacts(file: string): Promise<{ tracked?: boolean; ignored?: boolean }> {
  let folder = file;
  while (!(await isFolder(folder))) folder = path.dirname(folder);
  const name = path.relative(folder, file) || ".";
  const git = gitIn(folder);
  const [tracked, ignored] = await Promise.all([
    git("--literal-pathspecs", "ls-files", "-z", "--", name).catch(() => undefined),
    // Fails for paths that are not ignored. A pattern for folders matches a missing one only if its name ends in a slash.
    git("check-ignore", "--", name, `${name}/`).then(
      () => true,
      () => false,
    ),
  ]);
  if (tracked === undefined) return {};
  return { tracked: split(tracked).some((found) => !isPlaceholder(found.toString())), ignored };
}

const isFolder = (file: string) =>
  stat(file).then(
    (stats) => stats.isDirectory(),
    () => false,
  );

/** A file that only keeps an otherwise empty folder in git. */
const isPlaceholder = (file: string) =>
  /^\.(git(keep|ignore|attributes)|keep|placeholder)$/.test(path.basename(file));

/** Splits NUL-terminated names, as git prints them with `-z`, into bytes, because they need not be UTF-8. */
function split(names: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let start = 0; start < names.length; ) {
    const end = names.indexOf(0, start);
    found.push(names.subarray(start, end));
    start = end + 1;
  }
  return found;
}

const below = (folder: string, name: Buffer): Buffer => Buffer.concat([Buffer.from(`${folder}/`), name]);

type Git = (...args: string[]) => Promise<Buffer>;
/** A setting's name and its value. */
type Setting = readonly [string, string];

/**
 * Git for an untrusted tree: a preview of a pull request or an archive must not run commands from the tree's configuration.
 * The user's and the system's configuration still applies, including filters such as git-lfs.
 */
async function safeGit(folder: string): Promise<{ git: Git; top: string }> {
  const top = await topOf(folder);
  return { git: gitIn(folder, filtersOff(await ownConfiguration(top))), top };
}

/** Turns off commands that git would run while reading (git-config(1), githooks(5)). Some calls have further options. */
const options = [
  "--no-optional-locks",
  // A commit can contain the files of a bare repository, which git would treat as a repository with its own configuration.
  "-c",
  "safe.bareRepository=explicit",
  "-c",
  "core.fsmonitor=false",
  "-c",
  "core.hooksPath=/dev/null",
];

const gitIn =
  (folder: string, settings: readonly Setting[] = []): Git =>
  async (...args) => {
    const { stdout } = await run("git", ["-C", folder, ...options, ...args], {
      maxBuffer: 256 * 1024 * 1024,
      encoding: "buffer",
      env: environment(settings),
    });
    return stdout;
  };

function environment(settings: readonly Setting[]): NodeJS.ProcessEnv {
  // In a hook or an alias, `GIT_DIR` and the like name the hook's repository, not the one that is read here.
  const own = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("GIT_") || /^GIT_(CONFIG_|CEILING_|DISCOVERY_|EXEC_PATH$)/.test(name),
  );
  const given = Number(process.env.GIT_CONFIG_COUNT ?? 0);
  return {
    ...Object.fromEntries(own),
    // Not `-c`: it would end a filter's name at an equals sign.
    GIT_CONFIG_COUNT: String(given + settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], i) => [
        [`GIT_CONFIG_KEY_${given + i}`, key],
        [`GIT_CONFIG_VALUE_${given + i}`, value],
      ]),
    ),
    // A partial clone would fetch missing objects with commands from its configuration.
    GIT_NO_LAZY_FETCH: "1",
    GIT_ALLOW_PROTOCOL: "none",
    GIT_TERMINAL_PROMPT: "0",
  };
}

/** What `git lfs install --local` writes, as continuous integration does. */
const lfs: Record<string, string> = {
  "filter.lfs.clean": "git-lfs clean -- %f",
  "filter.lfs.smudge": "git-lfs smudge -- %f",
  "filter.lfs.process": "git-lfs filter-process",
};

/** Turns off the filters of a repository's own configuration. */
function filtersOff(configuration: readonly Setting[]): Setting[] {
  const off = new Set<string>();
  for (const [key, value] of configuration) {
    const driver = /^(filter\..+)\.(clean|smudge|process)$/s.exec(key)?.[1];
    if (driver !== undefined && lfs[key] !== value) off.add(driver);
    // Extensions make git-lfs run other commands.
    if (key.startsWith("lfs.extension.")) off.add("filter.lfs");
  }
  return [...off].flatMap((driver): Setting[] => [
    [`${driver}.clean`, ""],
    [`${driver}.smudge`, ""],
    [`${driver}.process`, ""],
    [`${driver}.required`, "false"],
  ]);
}

const topOf = async (folder: string): Promise<string> =>
  (await gitIn(folder)("rev-parse", "--show-toplevel")).toString().replace(/\n$/, "");

/** The configuration of a repository and of its submodules, which git also reads. */
async function ownConfiguration(top: string, seen = new Set<string>()): Promise<Setting[]> {
  if (seen.has(top)) return [];
  seen.add(top);
  const git = gitIn(top);
  const [configuration, index] = await Promise.all([
    git("config", "--list", "-z", "--show-scope"),
    git("ls-files", "--stage", "-z"),
  ]);
  const words = configuration.toString().split("\0");
  const found: Setting[] = [];
  for (let i = 0; i + 1 < words.length; i += 2) {
    const [, key, value] = /^([^\n]*)\n?(.*)$/s.exec(words[i + 1]!)!;
    if (words[i] === "local" || words[i] === "worktree") found.push([key!, value!]);
  }
  for (const line of index.toString().split("\0")) {
    const submodule = /^160000 [^\t]*\t(.+)$/s.exec(line)?.[1];
    if (submodule === undefined) continue;
    const inside = path.join(top, submodule);
    if (!lstatSync(path.join(inside, ".git"), { throwIfNoEntry: false })) continue;
    const below = topOf(inside).then((top) => ownConfiguration(top, seen));
    found.push(...(await below.catch(() => [])));
  }
  return found;
}
