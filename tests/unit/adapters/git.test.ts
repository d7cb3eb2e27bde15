import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { readWorkingTree } from "../../../adapters/git";

let folder: string;
const git = (...args: string[]) =>
  execFileSync("git", ["-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.com", ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
const write = (name: string, text: string) => writeFile(path.join(folder, name), text);
const dirty = async () => (await readWorkingTree(folder))!.dirty;

describe("readWorkingTree", function () {
  this.timeout(30_000);

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-git-"));
    git("init", "--quiet");
    await write("a", "a\n");
    await write(".gitignore", "ignored\n");
    git("add", ".");
    git("commit", "--quiet", "--message", "first");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("names the commit of a clean tree, from any folder in it", async () => {
    await mkdir(path.join(folder, "sub"));
    await write("ignored", "x");
    const commit = git("rev-parse", "HEAD");
    assert.match(commit, /^[0-9a-f]{40}$/);
    assert.deepEqual(await readWorkingTree(folder), { commit });
    assert.deepEqual(await readWorkingTree(path.join(folder, "sub")), { commit });
  });

  it("knows nothing where there is no repository, or no commit yet", async () => {
    await rm(path.join(folder, ".git"), { recursive: true });
    assert.equal(await readWorkingTree(folder), undefined);
    git("init", "--quiet");
    assert.equal(await readWorkingTree(folder), undefined);
    assert.equal(await readWorkingTree(path.join(folder, "gone")), undefined);
  });

  it("tells different changes apart, and the same change again", async () => {
    const seen = [];
    for (const text of ["b\n", "c\n", "b\n", "a\n"]) {
      await write("a", text);
      seen.push(await dirty());
    }
    assert.match(seen[0]!, /^[0-9a-f]{7}$/);
    assert.notEqual(seen[1], seen[0]);
    assert.equal(seen[2], seen[0]);
    assert.equal(seen[3], undefined);
  });

  it("does not care whether a change is staged", async () => {
    await write("a", "b\n");
    const before = await dirty();
    git("add", "a");
    assert.equal(await dirty(), before);
  });

  it("looks into untracked files, in odd company too", async () => {
    await symlink("gone", path.join(folder, "0-dangling"));
    await mkdir(path.join(folder, "0-nested"));
    execFileSync("git", ["-C", path.join(folder, "0-nested"), "init", "--quiet"]);
    await write("0-nested/file", "x");
    const odd = await dirty();
    await write('new "file"\nä', "1");
    const one = await dirty();
    await write('new "file"\nä', "2");
    const two = await dirty();
    await rename(path.join(folder, 'new "file"\nä'), path.join(folder, "renamed"));
    const renamed = await dirty();
    assert.equal(new Set([odd, one, two, renamed]).size, 4);
  });

  it("looks into untracked files outside of the folder it was given", async () => {
    await mkdir(path.join(folder, "sub"));
    const at = async () => (await readWorkingTree(path.join(folder, "sub")))!.dirty;
    await write("new", "1");
    const before = await at();
    await write("new", "2");
    assert.notEqual(await at(), before);
  });

  it("looks into every untracked file of very many", async () => {
    await mkdir(path.join(folder, "many"));
    await Promise.all(Array.from({ length: 1100 }, (_, i) => write(`many/${i}`, String(i))));
    const before = await dirty();
    await write("many/999", "other");
    assert.notEqual(await dirty(), before);
  });
});
