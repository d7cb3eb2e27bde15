import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { inspectSources } from "../../../adapters/mount-sources";

describe("inspectSources", () => {
  let folder: string;
  const at = (name: string) => path.join(folder, name);
  const git = (in_: string, ...args: string[]) =>
    execFileSync("git", ["-C", in_, "-c", "user.name=t", "-c", "user.email=t@example.com", ...args]);
  const facts = async (name: string) => (await inspectSources([at(name)])).get(at(name));
  const file = async (name: string) => {
    await mkdir(path.dirname(at(name)), { recursive: true });
    await writeFile(at(name), "");
  };

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(path.join(os.tmpdir(), "everfresh-sources-")));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("distinguishes files, folders and other types, and follows links", async () => {
    await file("folder/file");
    await mkdir(at("empty"));
    await symlink("folder/file", at("link"));
    await symlink("gone", at("dangling"));
    execFileSync("mkfifo", [at("pipe")]);
    assert.deepEqual(await facts("folder"), { kind: "folder", empty: false });
    assert.deepEqual(await facts("empty"), { kind: "folder", empty: true });
    assert.deepEqual(await facts("folder/file"), { kind: "file" });
    assert.deepEqual(await facts("link"), { kind: "file" });
    assert.deepEqual(await facts("pipe"), { kind: "other" });
    for (const gone of ["dangling", "gone", "gone/too", "folder/file/in"])
      assert.deepEqual(await facts(gone), {});
  });

  it("asks git what is tracked and what is ignored, whether or not it exists", async () => {
    git(folder, "init", "--quiet");
    await writeFile(at(".gitignore"), "data/\n*.pem\n");
    for (const name of ["conf/deep/a.conf", "kept/.gitkeep", "data/b", "loose/c", "[odd]*/d"])
      await file(name);
    git(folder, "add", ".gitignore", "conf", "kept", "[[]odd]*");
    git(folder, "commit", "--quiet", "--message", "first");
    await rm(at("conf/deep"), { recursive: true });
    const known = async (name: string) => {
      const { tracked, ignored } = (await facts(name))!;
      return [tracked, ignored];
    };
    assert.deepEqual(await known("conf"), [true, false]);
    assert.deepEqual(await known("conf/deep"), [true, false]);
    assert.deepEqual(await known("conf/deep/a.conf"), [true, false]);
    assert.deepEqual(await known("kept"), [false, false]);
    assert.deepEqual(await known("data"), [false, true]);
    assert.deepEqual(await known("loose"), [false, false]);
    assert.deepEqual(await known("[odd]*"), [true, false]);
    assert.deepEqual(await known("*"), [false, false]);
    assert.deepEqual(await known("gone"), [false, false]);
    assert.deepEqual(await known("gone/a.pem"), [false, true]);
    await rm(at("data"), { recursive: true });
    assert.deepEqual(await known("data"), [false, true]);
  });

  it("asks the repository that contains the source, such as a submodule", async () => {
    git(folder, "init", "--quiet");
    await file("inner/a");
    git(at("inner"), "init", "--quiet");
    git(at("inner"), "add", "a");
    git(at("inner"), "commit", "--quiet", "--message", "first");
    for (const name of ["inner", "inner/a"]) assert.equal((await facts(name))?.tracked, true);
    assert.equal((await facts("inner/b"))?.tracked, false);
  });

  it("treats an unreadable folder as one that a container took over", async () => {
    if (process.getuid?.() === 0) {
      // Nothing is closed to root: another user looks.
      const program = `require("tsx/cjs"); process.setuid(65534); require(${JSON.stringify(path.resolve("adapters/mount-sources.ts"))}).inspectSources([${JSON.stringify(at("closed"))}]).then((facts) => console.log(JSON.stringify([...facts.values()])))`;
      await file("closed/a");
      await chmod(folder, 0o755);
      await chmod(at("closed"), 0o700);
      const said = execFileSync(process.execPath, ["-e", program], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "inherit"],
      });
      assert.deepEqual(JSON.parse(said), [{ kind: "folder", empty: true }]);
      return;
    }
    await file("closed/a");
    await chmod(at("closed"), 0);
    assert.deepEqual(await facts("closed"), { kind: "folder", empty: true });
    await chmod(at("closed"), 0o700);
  });
});
