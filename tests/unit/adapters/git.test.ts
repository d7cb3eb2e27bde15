import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import {
  appendFile,
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
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

  it("returns nothing if there is no repository, or no commit yet", async () => {
    await rm(path.join(folder, ".git"), { recursive: true });
    assert.equal(await readWorkingTree(folder), undefined);
    git("init", "--quiet");
    assert.equal(await readWorkingTree(folder), undefined);
    assert.equal(await readWorkingTree(path.join(folder, "gone")), undefined);
  });

  it("distinguishes different changes, and recognizes the same change", async () => {
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

  it("includes the contents of untracked files, even beside links and odd entries", async () => {
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

  it("includes an untracked file whose name is not UTF-8", async () => {
    const name = Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.from([0xe9])]);
    const seen = new Set<string | undefined>();
    for (const text of ["a", "b"]) {
      await writeFile(name, text);
      seen.add(await dirty());
    }
    assert.equal(seen.size, 2);
    assert.ok(!seen.has(undefined));
  });

  it("includes untracked files outside the given folder", async () => {
    await mkdir(path.join(folder, "sub"));
    const at = async () => (await readWorkingTree(path.join(folder, "sub")))!.dirty;
    await write("new", "1");
    const before = await at();
    await write("new", "2");
    assert.notEqual(await at(), before);
  });

  it("includes every untracked file, however many there are", async () => {
    await mkdir(path.join(folder, "many"));
    await Promise.all(Array.from({ length: 1100 }, (_, i) => write(`many/${i}`, String(i))));
    const before = await dirty();
    await write("many/999", "other");
    assert.notEqual(await dirty(), before);
  });

  it("writes nothing into the repository, which a build may see", async () => {
    // As after a checkout: git has to look at the file again, and would like to note that it is the same.
    await utimes(path.join(folder, "a"), 1, 1);
    const index = () => readFile(path.join(folder, ".git/index"), "hex");
    const before = await index();
    assert.equal(await dirty(), undefined);
    assert.equal(await index(), before);
    git("status");
    assert.notEqual(await index(), before, "git by itself does note it");
  });

  it("gives the same id for the same differences in every version", async () => {
    await write("a", "b\n");
    await write("untracked", "y\n");
    // Another value would tag the same tree anew.
    assert.equal(await dirty(), "d8eec2b");
  });

  it("reads the given tree, whatever repository it is called from", async () => {
    const commit = git("rev-parse", "HEAD");
    const elsewhere = await mkdtemp(path.join(os.tmpdir(), "everfresh-git-"));
    execFileSync("git", ["-C", elsewhere, "init", "--quiet"]);
    const hook = { GIT_DIR: path.join(elsewhere, ".git"), GIT_WORK_TREE: elsewhere, GIT_INDEX_FILE: "none" };
    Object.assign(process.env, hook);
    try {
      assert.deepEqual(await readWorkingTree(folder), { commit });
    } finally {
      for (const name of Object.keys(hook)) delete process.env[name];
      await rm(elsewhere, { recursive: true });
    }
  });

  describe("runs no command from the tree's configuration", () => {
    /** Says in a file that it ran, and then is what git takes for a filter. */
    let canary: string;
    let sang: string;
    const configure = (...settings: [string, string][]) => {
      for (const [key, value] of settings) git("config", key, value);
    };
    let seconds = 1;
    /** A change of times alone has git read the file again. */
    const touch = (name: string) => utimes(path.join(folder, name), seconds, seconds++);
    /** What git itself does with the same tree is what shows that the canary can be heard. */
    const isSilent = async (look: () => void, at = folder) => {
      look();
      assert.ok(existsSync(sang), "git itself does not run it, so that the test shows nothing");
      await rm(sang);
      await touch("a");
      await readWorkingTree(at);
      assert.ok(!existsSync(sang), "it ran");
    };

    beforeEach(async () => {
      const outside = `${folder}.canary`;
      await mkdir(outside);
      canary = path.join(outside, "sing");
      sang = path.join(outside, "sang");
      await writeFile(canary, `#!/bin/sh\necho "$0 $*" >>${sang}\ncat 2>/dev/null\n`);
      await chmod(canary, 0o755);
    });
    afterEach(() => rm(`${folder}.canary`, { recursive: true }));
    const attribute = async (text: string) => {
      await write(".gitattributes", `${text}\n`);
      git("add", ".");
      git("commit", "--quiet", "--message", "attributes");
    };

    it("to watch the files", async () => {
      configure(["core.fsmonitor", canary]);
      await isSilent(() => git("status"));
    });

    it("in a folder that is a bare repository", async () => {
      const bare = path.join(folder, "bare");
      execFileSync("git", ["clone", "--quiet", "--bare", folder, bare]);
      await appendFile(
        path.join(bare, "config"),
        `[core]\n\tbare = false\n\tworktree = ..\n\tfsmonitor = ${canary}\n`,
      );
      await isSilent(() => execFileSync("git", ["-C", bare, "status"]), bare);
      assert.equal(await readWorkingTree(bare), undefined);
    });

    it("as a hook", async () => {
      await mkdir(path.join(folder, ".git/hooks"), { recursive: true });
      await cp(canary, path.join(folder, ".git/hooks/post-index-change"));
      await touch("a");
      await isSilent(() => git("status"));
    });

    it("to show differences", async () => {
      configure(["diff.external", canary]);
      await write("a", "b\n");
      await isSilent(() => git("diff", "HEAD"));
    });

    it("to show differences of some files, or to convert them to text", async () => {
      configure(["diff.odd.command", canary], ["diff.even.textconv", canary]);
      await write("b", "b\n");
      await attribute("a diff=odd\nb diff=even");
      await write("a", "other\n");
      await isSilent(() => git("diff", "HEAD"));
      await write("a", "a\n");
      await write("b", "other\n");
      await isSilent(() => git("diff", "HEAD"));
    });

    for (const driver of ["mine", "lfs", "a=b"]) {
      it(`to filter files, under the name ${driver}`, async () => {
        await attribute(`a filter=${driver}`);
        configure([`filter.${driver}.clean`, canary], [`filter.${driver}.required`, "true"]);
        await touch("a");
        await isSilent(() => git("diff", "HEAD"));
      });
    }

    it("to filter files, as a separate process or through included configuration", async () => {
      await attribute("a filter=x");
      await write(".git/more", `[filter "x"]\n\tprocess = ${canary}\n`);
      configure(["include.path", "more"]);
      await touch("a");
      await isSilent(() => {
        try {
          git("diff", "HEAD");
        } catch {} // the canary does not speak the protocol
      });
    });

    it("in a submodule", async () => {
      git("init", "--quiet", "sub");
      const sub = (...args: string[]) => git("-C", "sub", ...args);
      await write("sub/file", "1\n");
      await write("sub/.gitattributes", "file filter=x\n");
      sub("add", ".");
      sub("commit", "--quiet", "--message", "sub");
      execFileSync("git", ["-C", folder, "add", "sub"], { stdio: "ignore" });
      git("commit", "--quiet", "--message", "with a submodule");
      sub("config", "filter.x.clean", canary);
      sub("config", "core.fsmonitor", canary);
      await touch("sub/file");
      await isSilent(() => git("status"));
    });

    it("to fetch objects that a partial clone lacks", async () => {
      configure(
        ["core.repositoryformatversion", "1"],
        ["extensions.partialClone", "origin"],
        ["remote.origin.url", folder],
        ["remote.origin.promisor", "true"],
        ["remote.origin.uploadpack", `${canary} </dev/null`],
      );
      const blob = git("rev-parse", "HEAD:a");
      await rm(path.join(folder, ".git/objects", blob.slice(0, 2), blob.slice(2)));
      await write("a", "b\n");
      await isSilent(() => {
        try {
          git("diff", "HEAD");
        } catch {} // the canary gives no objects
      });
    });
  });

  it("treats a file that git-lfs filters as unchanged, even if the repository itself configures the filter", async () => {
    const bin = `${folder}.bin`;
    await mkdir(bin);
    await writeFile(path.join(bin, "git-lfs"), '#!/bin/sh\n[ "$1" = clean ] && tr a-z A-Z\n', {
      mode: 0o755,
    });
    const before = process.env.PATH;
    process.env.PATH = `${bin}:${before}`;
    try {
      git("config", "filter.lfs.clean", "git-lfs clean -- %f");
      await write(".gitattributes", "big filter=lfs\n");
      await write("big", "content\n");
      git("add", ".");
      git("commit", "--quiet", "--message", "big");
      await utimes(path.join(folder, "big"), 1, 1);
      assert.equal(await dirty(), undefined);
      git("config", "lfs.extension.x.clean", "touch pwned");
      await utimes(path.join(folder, "big"), 2, 2);
      assert.notEqual(await dirty(), undefined);
    } finally {
      process.env.PATH = before;
      await rm(bin, { recursive: true });
    }
  });
});
