import assert from "node:assert/strict";
import { releaseTag, type TagFacts, tagPattern } from "../../../core/tag";

const now = new Date("2030-01-02T03:04:05.678Z");
const commit = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";

describe("releaseTag", () => {
  const cases: [string, TagFacts, string][] = [
    ["names the commit", { uniqueTag: false, commit }, "1a2b3c4"],
    [
      "names the differences from the commit",
      { uniqueTag: false, commit, dirty: "5d6e7f8" },
      "1a2b3c4-dirty-5d6e7f8",
    ],
    ["prefers the configured tag", { uniqueTag: false, commit, dirty: "5d6e7f8", tag: "v1.2" }, "v1.2"],
    ["says `untracked` if there is no commit", { uniqueTag: false }, "untracked"],
    ["appends the time in UTC when asked to", { uniqueTag: true, commit }, "1a2b3c4-20300102T030405Z"],
    ["appends the time to an explicit tag too", { uniqueTag: true, tag: "v1" }, "v1-20300102T030405Z"],
  ];
  for (const [name, facts, expected] of cases) {
    it(name, () => assert.equal(releaseTag(facts, now), expected));
  }

  it("stays within the longest valid tag when the time is appended", () => {
    const tag = releaseTag({ uniqueTag: true, tag: "x".repeat(128) }, now);
    assert.match(tag, tagPattern);
    assert.ok(tag.endsWith("-20300102T030405Z"));
  });
});

describe("a tag", () => {
  for (const tag of ["v1.2.3", "V1", "_x", "007", "a".repeat(128)]) {
    it(`is what a registry accepts: ${tag}`, () => assert.match(tag, tagPattern));
  }
  for (const tag of ["", "-x", ".x", "a/b", "a:b", "vé", "v\u{1f35e}", "a b", "v1\n", "a".repeat(129)]) {
    it(`is not what a registry refuses: ${JSON.stringify(tag)}`, () => assert.doesNotMatch(tag, tagPattern));
  }
});
