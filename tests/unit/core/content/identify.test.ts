import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type BuildSpec, changes, identify, describe as inWords } from "../../../../core/content";

describe("identify", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "content-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const spec = (more: Partial<BuildSpec> = {}): BuildSpec => ({
    context: folder,
    args: {},
    platforms: [],
    labels: {},
    additionalContexts: {},
    secrets: [],
    ssh: [],
    ...more,
  });

  it("changes the hash when a byte changes, and names the file", async () => {
    write("Dockerfile", "FROM scratch\nCOPY . /\n");
    write("src/page.ts", "1");
    const before = await identify(spec());
    write("src/page.ts", "2");
    const after = await identify(spec());
    assert.notEqual(after.content, before.content);
    assert.equal(inWords(changes(before, after)), "1 file (src/page.ts)");
  });

  it("does not count the time of a change", async () => {
    write("Dockerfile", "FROM scratch\nCOPY . /\n");
    write("a", "1");
    symlinkSync("a", join(folder, "b"));
    const before = await identify(spec());
    utimesSync(join(folder, "a"), 1, 1);
    assert.deepEqual(await identify(spec()), before);
  });

  it("changes the hash when the executable bit changes", async () => {
    write("Dockerfile", "FROM scratch\nCOPY . /\n");
    write("a", "1");
    const before = await identify(spec());
    chmodSync(join(folder, "a"), 0o755);
    const after = await identify(spec());
    assert.equal(inWords(changes(before, after)), "1 file (a mode 0644 → 0755)");
  });
});
