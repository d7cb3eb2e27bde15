import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identify } from "../../../../core/content";
import { CopiedFolder } from "./folder";

describe("identify gives the same hash", () => {
  const folder = new CopiedFolder();
  beforeEach(() => {
    folder.write({ "bin/run": "#!/bin/sh\n", "ünï/ß": "x", "src-x/a": "1", "src.x/a": "1" });
    chmodSync(folder.at("bin/run"), 0o755);
    symlinkSync("run", folder.at("bin/link"));
  });

  /** The content hash of a copy. */
  async function contentOfCopy(copy: (to: string) => void): Promise<string> {
    const parent = mkdtempSync(join(tmpdir(), "elsewhere-"));
    try {
      const context = join(parent, "deeper");
      copy(context);
      return (await identify({ ...folder.spec(), context })).content;
    } finally {
      rmSync(parent, { recursive: true });
    }
  }

  it("in a different folder, with files created in a different order", async () => {
    const copied = await contentOfCopy((to) => {
      for (const path of ["ünï", "src.x", "bin", "src", "src-x", "a.txt", "README.md", "Dockerfile"])
        cpSync(folder.at(path), join(to, path), { recursive: true, verbatimSymlinks: true });
    });
    assert.equal(copied, await folder.content());
  });

  for (const umask of ["002", "022", "027", "077"]) {
    for (const [what, command] of [
      ["a git clone", 'git clone -q "$FROM" "$TO"'],
      ["a git archive", 'mkdir "$TO"; git -C "$FROM" archive HEAD | tar -x -C "$TO"'],
    ] as const) {
      it(`for ${what} made with umask ${umask}`, async () => {
        const identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        const git = (...args: string[]) => execFileSync("git", ["-C", folder.path, ...identity, ...args]);
        git("init", "-q");
        git("add", ".");
        git("commit", "-q", "-m", "x");
        folder.write({ ".dockerignore": ".git\n.dockerignore\n" });
        const ignore = `printf '.git\\n.dockerignore\\n' > "$TO/.dockerignore"`;
        const copied = await contentOfCopy((to) =>
          execFileSync("sh", ["-c", `umask ${umask}; ${command}; ${ignore}`], {
            env: { ...process.env, FROM: folder.path, TO: to },
          }),
        );
        assert.equal(copied, await folder.content());
      });
    }
  }

  it("for a different user, in a different locale", async function () {
    if (process.getuid?.() !== 0) this.skip();
    chmodSync(folder.path, 0o755);
    const here = await folder.content();
    const module = require.resolve("../../../../core/content/index.ts");
    const script = `require(${JSON.stringify(module)}).identify(${JSON.stringify(folder.spec())}).then((i) => console.log(i.content))`;
    const there = execFileSync(process.execPath, ["--import", "tsx", "-e", script], {
      uid: 65534,
      gid: 65534,
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "tr_TR.UTF-8", HOME: "/nonexistent", TMPDIR: "/tmp" },
    });
    assert.equal(there.trim(), here);
  });
});
