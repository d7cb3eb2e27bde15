import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { readManifest, writeManifest } from "../../../adapters/manifests";
import type { ContentIdentity } from "../../../core/content";

describe("manifests", () => {
  const before = process.cwd();
  beforeEach(async () => process.chdir(await mkdtemp(path.join(os.tmpdir(), "everfresh-manifests-"))));
  afterEach(async () => {
    const folder = process.cwd();
    process.chdir(before);
    await rm(folder, { recursive: true });
  });

  const identity = { content: "ab".repeat(32), inputs: { "build arg A": "ä" } } as unknown as ContentIdentity;

  it("are read as they were written, and leave nothing else behind", async () => {
    await Promise.all([writeManifest(identity), writeManifest({ ...identity, content: "cd".repeat(32) })]);
    await writeManifest(identity);
    assert.deepEqual(await readManifest(identity.content), identity);
    assert.deepEqual((await readdir(".everfresh/content")).sort(), [
      `${"ab".repeat(32)}.json`,
      `${"cd".repeat(32)}.json`,
    ]);
  });

  it("that this checkout has not seen, or that are damaged, are nothing", async () => {
    assert.equal(await readManifest(identity.content), undefined);
    await writeManifest(identity);
    await writeFile(`.everfresh/content/${identity.content}.json`, "{");
    assert.equal(await readManifest(identity.content), undefined);
  });

  it("of two services with the same content can be written at once", async () => {
    await Promise.all(Array.from({ length: 8 }, () => writeManifest(identity)));
    assert.deepEqual(await readManifest(identity.content), identity);
  });
});
