import assert from "node:assert/strict";
import { explain } from "../../../../core/content";
import { Folder } from "./folder";

describe("explain", () => {
  const folder = new Folder();
  beforeEach(() => {
    folder.write({
      Dockerfile: "FROM scratch\nCOPY src package.json /\n",
      ".dockerignore": "node_modules\n**/*.log\n!src/keep.log\n",
      "package.json": "{}",
      "src/page.ts": "x".repeat(1000),
      "src/lib/big.bin": "x".repeat(5000),
      "src/a.log": "x",
      "src/keep.log": "x",
      "node_modules/p/index.js": "x",
      "docs/a.md": "x",
    });
  });

  it("lists what does not count, a folder once, and why", async () => {
    const { unseen } = await explain(folder.spec());
    assert.deepEqual(
      unseen.sort((a, b) => (a.path < b.path ? -1 : 1)),
      [
        { path: ".dockerignore", why: "no instruction reads it" },
        { path: "Dockerfile", why: "no instruction reads it" },
        { path: "docs/", why: "no instruction reads it" },
        { path: "node_modules/", why: 'ignored by "node_modules" in .dockerignore' },
        { path: "src/a.log", why: 'ignored by "**/*.log" in .dockerignore' },
      ],
    );
  });

  it("says what makes the context large", async () => {
    const { bytes, largest, largestFiles } = await explain(folder.spec());
    assert.equal(bytes, 6003);
    assert.deepEqual(largest[0], { path: "src/", bytes: 6001, files: 3 });
    assert.deepEqual(largestFiles[0], { path: "src/lib/big.bin", bytes: 5000, files: 1 });
  });

  it("says why the whole context counts", async () => {
    const { identity } = await explain(folder.spec({ dockerfileInline: "FROM scratch\nCOPY . /app\n" }));
    assert.equal(identity.wholeContext, true);
    assert.deepEqual(identity.reasons, ["COPY . /app (line 2) reads all of it"]);
    const { identity: unsure } = await explain(folder.spec({ dockerfileInline: "FROM a\nCOPY $X /app\n" }));
    assert.match(
      unsure.reasons[0]!,
      /not certain to be understood: the value of \$X is known to the builder only/,
    );
  });
});
