import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { readManifest } from "../../adapters/manifests";
import { readMemory } from "../../adapters/onbuild-memory";
import { stackFile } from "../../cli/stack-file";
import { type ContentIdentity, changes, describe as inWords, StatCache } from "../../core/content";
import { STAT_FIELDS } from "../../core/content/files/file-work";
import { inABox, listing } from "./support/box";
import { anyText, bytes, damaged, damagedText, json, text } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";

/** A good file that is damaged, or something else altogether. */
const fileOf = (document: unknown): fc.Arbitrary<Buffer> =>
  fc.oneof(
    { weight: 3, arbitrary: damaged(document).map((each) => Buffer.from(JSON.stringify(each) ?? "")) },
    { weight: 1, arbitrary: damagedText(JSON.stringify(document)).map((each) => Buffer.from(each)) },
    { weight: 1, arbitrary: json.map((each) => Buffer.from(JSON.stringify(each))) },
    { weight: 1, arbitrary: bytes },
  );

const content = "e".repeat(64);
const identity: ContentIdentity = {
  content,
  wholeContext: false,
  reasons: ["COPY . reads the whole context"],
  files: [
    { path: "src/a.js", type: "file", mode: "0644", sha256: "a".repeat(64) },
    { path: "link", type: "symlink", mode: "0777", sha256: "b".repeat(64), context: "base" },
  ],
  inputs: {
    args: { A: "1" },
    dockerfile: [{ text: "FROM", from: ["image node"] }, { text: "COPY . ." }],
    target: "last",
    labels: {},
  },
  ignoreFiles: [{ path: ".dockerignore", sha256: "c".repeat(64) }],
};

describe("hostile files of a checkout", function () {
  this.timeout(patienceFor(60_000));
  const box = inABox();
  const store = (name: string, content: Buffer) => {
    const file = path.join(box.own, ".everfresh", name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  };

  it("that record a content are read completely, or ignored", () =>
    tryAll("stored files", 250, fileOf(identity), async (file) => {
      store(`content/${content}.json`, file);
      const before = await readManifest(content);
      if (before === undefined) return;
      const now = { ...identity, content: "f".repeat(64), inputs: { args: { A: "2" } } };
      for (const [a, b] of [
        [before, now],
        [now, before],
      ] as const)
        assert.equal(typeof inWords(changes(a, b)), "string");
    }));

  it("are never read for a hash that leads elsewhere", () => {
    const leading = fc.oneof(
      anyText,
      fc.constantFrom("../../../../outside/manifest", "../../../sibling-manifest", "/outside/manifest"),
    );
    return tryAll("stored files", 120, leading, async (name) => {
      store(`content/${content}.json`, Buffer.from(JSON.stringify(identity)));
      writeFileSync(path.join(box.own, "manifest.json"), JSON.stringify(identity));
      for (const way of [name, `../../manifest`, `../../../own/manifest`, path.join(box.own, "manifest")])
        assert.equal(await readManifest(way), undefined, way);
    });
  });

  it("that record base images are read completely, or ignored", () =>
    tryAll(
      "stored files",
      200,
      fileOf({ "node:20": { digest: `sha256:${content}`, onBuild: ["COPY . ."] } }),
      async (file) => {
        store("onbuild.json", file);
        for (const { digest, onBuild } of Object.values(await readMemory())) {
          assert.ok(digest === undefined || typeof digest === "string");
          for (const each of onBuild) assert.equal(typeof each, "string");
        }
      },
    ));

  it("that record the digests of unchanged files are believed completely, or not at all", () => {
    const root = "/project";
    const stats = Float64Array.from({ length: STAT_FIELDS }, (_, i) => i + 1);
    const folder = path.join(box.own, ".everfresh", "cache");
    const damage = fc.record({
      at: fc.nat(100_000),
      bytes,
      how: fc.constantFrom("cut", "insert", "overwrite", "replace"),
    });
    return tryAll("stored files", 150, damage, ({ at, bytes, how }) => {
      rmSync(folder, { recursive: true, force: true });
      const cache = StatCache.open(folder);
      cache.of(root).remember("a", stats, 0, "a".repeat(64), 1e15);
      cache.of(root).remember("__proto__", stats, 0, "b".repeat(64), 1e15);
      cache.save();
      const [line] = listing(folder);
      const file = /^(\S+) /.exec(line!)![1]!;
      const good = Buffer.from(line!.slice(line!.indexOf(" ", file.length + 1) + 1), "latin1");
      const place = at % good.length;
      const bad = {
        cut: good.subarray(0, place),
        insert: Buffer.concat([good.subarray(0, place), bytes, good.subarray(place)]),
        overwrite: Buffer.concat([good.subarray(0, place), bytes, good.subarray(place + bytes.length)]),
        replace: bytes,
      }[how]!;
      writeFileSync(file, bad);
      const folderCache = StatCache.open(folder).of(root);
      for (const name of ["a", "__proto__", "toString", ""]) {
        const digest = folderCache.lookup(name, stats, 0);
        if (bad.equals(good)) continue;
        assert.equal(digest, undefined, `believes a file that was ${how}`);
      }
    });
  });

  it("of a stack with any name stay inside the checkout", () =>
    tryAll("stored files", 80, text, (stack) => {
      const { PULUMI_STACK } = process.env;
      process.env.PULUMI_STACK = stack;
      try {
        const file = stackFile({});
        if (file !== undefined) assert.match(path.basename(file), /^Pulumi\..*\.yaml$/s);
      } finally {
        if (PULUMI_STACK === undefined) delete process.env.PULUMI_STACK;
        else process.env.PULUMI_STACK = PULUMI_STACK;
      }
    }));
});
