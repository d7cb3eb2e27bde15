import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { readManifest, writeManifest } from "../../../adapters/manifests";
import type { ContentIdentity } from "../../../core/content";
import { causeOf } from "../../../core/release/builds";

describe("manifests", () => {
  const before = process.cwd();
  beforeEach(async () => process.chdir(await mkdtemp(path.join(os.tmpdir(), "everfresh-manifests-"))));
  afterEach(async () => {
    const folder = process.cwd();
    process.chdir(before);
    await rm(folder, { recursive: true });
  });

  const identity: ContentIdentity = {
    content: "ab".repeat(32),
    wholeContext: false,
    reasons: [],
    files: [{ path: "a", type: "file", mode: "0644", sha256: "cd".repeat(32) }],
    inputs: { args: { A: "ä" }, dockerfile: [{ text: "FROM", from: ["image a"] }] },
    ignoreFiles: [],
  };
  const file = () => `.everfresh/content/${identity.content}.json`;

  it("are read as they were written, and leave nothing else behind", async () => {
    await Promise.all([writeManifest(identity), writeManifest({ ...identity, content: "cd".repeat(32) })]);
    await writeManifest(identity);
    assert.deepEqual(await readManifest(identity.content), identity);
    assert.deepEqual((await readdir(".everfresh/content")).sort(), [
      `${"ab".repeat(32)}.json`,
      `${"cd".repeat(32)}.json`,
    ]);
  });

  it("are undefined if this checkout has not seen them or they are damaged", async () => {
    assert.equal(await readManifest(identity.content), undefined);
    await writeManifest(identity);
    await writeFile(`.everfresh/content/${identity.content}.json`, "{");
    assert.equal(await readManifest(identity.content), undefined);
  });

  it("of two services with the same content can be written at once", async () => {
    await Promise.all(Array.from({ length: 8 }, () => writeManifest(identity)));
    assert.deepEqual(await readManifest(identity.content), identity);
  });

  it("are undefined or still comparable if they are damaged anywhere", async () => {
    const now = { ...identity, content: "cd".repeat(32), inputs: { args: {}, dockerfile: "FROM a" } };
    const odd = [null, 5, "x", [null], [5], {}, [[]], { a: null }];
    const damaged = odd.flatMap((value) => [
      value,
      ...Object.keys(identity).map((key) => ({ ...identity, [key]: value })),
      ...Object.keys(identity.files[0]!).map((key) => ({
        ...identity,
        files: [{ ...identity.files[0], [key]: value }],
      })),
      { ...identity, inputs: { dockerfile: [{ text: value }] } },
      { ...identity, inputs: { dockerfile: [{ text: "FROM", from: value }] } },
      { ...identity, inputs: { args: value } },
      { ...identity, content: "ef".repeat(32) },
    ]);
    for (const each of damaged) {
      await writeManifest(identity);
      await writeFile(file(), JSON.stringify(each));
      const read = await readManifest(identity.content);
      causeOf(identity.content, read, now);
      causeOf(identity.content, read, { ...now, inputs: { dockerfile: [{ text: "RUN x" }] } });
    }
    await writeFile(file(), Buffer.from([0xff, 0xfe]));
    assert.equal(await readManifest(identity.content), undefined);
  });

  it("are looked up only by content hash, whatever a host claims to run", async () => {
    await writeFile("elsewhere.json", JSON.stringify({ ...identity, content: "../../elsewhere" }));
    await mkdir(".everfresh/content", { recursive: true });
    assert.equal(await readManifest("../../elsewhere"), undefined);
  });

  it("are readable only by their owner, even if an older version wrote them", async () => {
    await mkdir(".everfresh/content", { recursive: true });
    await chmod(".everfresh", 0o755);
    await writeFile(file(), "{}", { mode: 0o644 });
    await writeManifest(identity);
    for (const [place, mode] of [
      [".everfresh", 0o700],
      [".everfresh/content", 0o700],
      [file(), 0o600],
    ] as const)
      assert.equal((await stat(place)).mode & 0o777, mode, place);
  });

  it("are not written through a link", async () => {
    await mkdir("elsewhere");
    await mkdir(".everfresh");
    await symlink("../elsewhere", ".everfresh/content");
    await assert.rejects(writeManifest(identity), /^Problems: \.everfresh\/content: is a link, /);
    assert.deepEqual(await readdir("elsewhere"), []);
  });

  it("are optional: failing to write them only costs later explanations", async () => {
    await mkdir(file(), { recursive: true });
    await writeManifest(identity);
    assert.deepEqual(await readdir(".everfresh/content"), [`${identity.content}.json`]);
  });
});
