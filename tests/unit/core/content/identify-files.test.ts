import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { CopiedFolder } from "./folder";

describe("identify, for files", () => {
  const folder = new CopiedFolder();
  const chmod = (mode: number, ...paths: string[]) => {
    for (const path of paths) chmodSync(folder.at(path), mode);
  };

  it("changes the hash when the bytes of a file change", async () => {
    assert.ok(await folder.changes(() => folder.write({ "a.txt": "A" })));
  });

  it("changes the hash when a file moves", async () => {
    const move = () => execFileSync("mv", [folder.at("a.txt"), folder.at("src/a.txt")]);
    assert.ok(await folder.changes(move));
  });

  it("changes the hash when two files swap their bytes", async () => {
    assert.ok(await folder.changes(() => folder.write({ "a.txt": "page", "src/page.ts": "a" })));
  });

  it("changes the hash when a byte moves from the start of one file to the end of another", async () => {
    folder.write({ x: "1", y: "23" });
    assert.ok(await folder.changes(() => folder.write({ x: "12", y: "3" })));
  });

  it("changes the hash when a file becomes executable", async () => {
    assert.ok(await folder.changes(() => chmod(0o755, "a.txt")));
  });

  it("changes the hash when a file gets permissions that no umask explains", async () => {
    assert.ok(await folder.changes(() => chmod(0o600, "a.txt")));
  });

  for (const mode of [0o600, 0o640, 0o664]) {
    it(`changes the hash when all files that are read get the mode 0${mode.toString(8)}`, async () => {
      folder.dockerfile("FROM scratch", "COPY a.txt README.md /etc/");
      assert.ok(await folder.changes(() => chmod(mode, "a.txt", "README.md")));
    });
  }

  it("changes the hash when one of two restricted files gets its usual mode back", async () => {
    folder.dockerfile("FROM scratch", "COPY a.txt README.md /etc/");
    chmod(0o600, "a.txt", "README.md");
    assert.ok(await folder.changes(() => chmod(0o644, "a.txt")));
  });

  it("takes the umask in a named context from the Dockerfile, not from its files", async () => {
    folder.dockerfile("FROM scratch", "COPY --from=lib . /");
    folder.write({ "src/lib/c.txt": "c" });
    const spec = { additionalContexts: { lib: folder.at("src/lib") } };
    assert.ok(await folder.changes(() => chmod(0o600, "src/lib/b.txt", "src/lib/c.txt"), spec));
  });

  it("takes the umask from a Dockerfile that is called dockerfile", async () => {
    execFileSync("mv", [folder.at("Dockerfile"), folder.at("dockerfile")]);
    folder.write({ dockerfile: "FROM scratch\nCOPY a.txt /\n" });
    chmod(0o644, "dockerfile", "a.txt");
    assert.ok(!(await folder.changes(() => chmod(0o600, "dockerfile", "a.txt"))));
  });

  it("changes the hash when a link points elsewhere", async () => {
    const link = (target: string) => {
      rmSync(folder.at("link"), { force: true });
      symlinkSync(target, folder.at("link"));
    };
    link("a.txt");
    assert.ok(await folder.changes(() => link("README.md")));
  });

  it("changes the hash when a link becomes a file that holds the link's target", async () => {
    symlinkSync("README.md", folder.at("link"));
    const replace = () => {
      rmSync(folder.at("link"));
      folder.write({ link: "README.md" });
    };
    assert.ok(await folder.changes(replace));
  });

  it("changes the hash when an empty folder is added to those that are copied", async () => {
    assert.ok(await folder.changes(() => mkdirSync(folder.at("empty"))));
  });

  it("keeps the hash when only the times of a file change", async () => {
    assert.ok(!(await folder.changes(() => utimesSync(folder.at("a.txt"), 1, 1))));
  });

  it("keeps the hash when an ignore file changes but leaves the same files", async () => {
    folder.write({ ".dockerignore": ".dockerignore\nREADME.md" });
    const rewrite = () => folder.write({ ".dockerignore": "# docs\n.docker*\n/README.md\n" });
    assert.ok(!(await folder.changes(rewrite)));
  });

  it("keeps the hash when files change that no instruction reads", async () => {
    folder.dockerfile("FROM scratch", "COPY src a.txt /");
    assert.deepEqual(await folder.paths(), ["a.txt", "src", "src/lib", "src/lib/b.txt", "src/page.ts"]);
    assert.ok(!(await folder.changes(() => folder.write({ "README.md": "more", "new/file": "x" }))));
    assert.ok(!(await folder.changes(() => mkdirSync(folder.at("empty")))));
  });
});
