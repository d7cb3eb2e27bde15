import assert from "node:assert/strict";
import { type KnownContent, sharedBuilds } from "../../../../core/release/shared-builds";

const changed = (content: string, more: Partial<KnownContent> = {}): KnownContent => ({
  content,
  cause: "1 file",
  noCache: false,
  ...more,
});
const kept = (content: string): KnownContent => ({ content, noCache: false });

describe("sharedBuilds", () => {
  const table: [string, Record<string, KnownContent>, Record<string, string>][] = [
    ["nothing of different contents", { a: changed("1"), b: changed("2") }, {}],
    [
      "the first build of a content with all others",
      { a: changed("1"), b: changed("1"), c: changed("1") },
      { b: "a", c: "a" },
    ],
    ["what is deployed already", { a: changed("1"), b: kept("1") }, { a: "b" }],
    ["nothing among what is deployed already", { a: kept("1"), b: kept("1") }, {}],
    ["what the registry has", { a: changed("1"), b: changed("1", { found: "sha256:x" }) }, { a: "b" }],
    [
      "the build without cache, if one is wanted",
      { a: changed("1"), b: changed("1", { found: "sha256:x" }), c: changed("1", { noCache: true }) },
      { a: "c", b: "c" },
    ],
  ];
  for (const [name, contents, expected] of table) {
    it(`shares ${name}`, () => assert.deepEqual(sharedBuilds(contents), expected));
  }
});
