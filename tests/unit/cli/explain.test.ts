import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { listContext } from "../../../cli/context-listing";
import { renderExplanation } from "../../../cli/explain";

describe("the listing of a context", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-unit-"));
    const write = (file: string, bytes: number) => {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), "x".repeat(bytes));
    };
    write("Dockerfile", 50);
    write("src/a.js", 10);
    write("src/b.js", 20);
    write("src/b.test.js", 5);
    write("node_modules/x/index.js", 1000);
    write("node_modules/y.js", 1);
    write("README.md", 7);
    symlinkSync("/nowhere", path.join(folder, "dangling"));
  });
  after(() => rmSync(folder, { recursive: true }));

  const listing = () => listContext(folder, (file) => /^src\/[ab]\.js$/.test(file), new Set(["Dockerfile"]));

  it("sums what counts by the top of the context", () => {
    assert.deepEqual(listing().counted, { path: "./", files: 2, bytes: 30 });
    assert.deepEqual(listing().heaviest, [{ path: "src/", files: 2, bytes: 30 }]);
  });

  it("names what is not seen: whole folders where nothing counts, single files elsewhere", () => {
    assert.deepEqual(listing().unseen, [
      { path: "node_modules/", files: 2, bytes: 1001 },
      { path: "README.md", files: 1, bytes: 7 },
      { path: "src/b.test.js", files: 1, bytes: 5 },
      { path: "dangling", files: 1, bytes: 0 },
    ]);
  });

  it("is told in words", () => {
    const text = renderExplanation(
      {
        service: "web",
        identity: {
          content: "e".repeat(64),
          wholeContext: false,
          reasons: [],
          files: [],
          inputs: { args: { A: "1" }, labels: {}, platforms: [], fresh: undefined },
          ignoreFiles: [{ path: ".dockerignore", sha256: "" }],
        },
        listing: listing(),
        since: "1 file (src/a.js)",
      },
      (_, text) => text,
    );
    assert.deepEqual(text, [
      `web: content ${"e".repeat(64)}`,
      "",
      "since the stack's last build: 1 file (src/a.js)",
      "",
      "what counts",
      "  2 files of the context, 30 B (only what the Dockerfile reads)",
      "  left after .dockerignore",
      '  args  {"A":"1"}',
      "",
      "what makes it large",
      "  src/  30 B  2 files",
      "",
      "in the context folder, but not seen",
      "  node_modules/  1.0 kB  2 files",
      "  README.md      7 B",
      "  src/b.test.js  5 B",
      "  dangling       0 B",
    ]);
  });
});
