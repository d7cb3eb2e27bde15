import assert from "node:assert/strict";
import { parseJson, parseYaml } from "../../../core/parse";
import { Problems } from "../../../core/problems";

const secret = "hunter2";

describe("parseYaml", () => {
  it("reads YAML", () => {
    assert.deepEqual(parseYaml("a: [1, x]\n", "f.yaml"), { a: [1, "x"] });
    assert.equal(parseYaml("", "f.yaml"), null);
  });

  for (const [text, place] of [
    [`a: 1\nb: "${secret}\n`, "3:1"],
    [`a: {${secret}: [}\n`, "1:15"],
    [`${secret}: 1\n${secret}: 2\n`, "2:1"],
    [`a: ${secret}\n\t- b\n`, "2:1"],
    [`--- ${secret}\n--- ${secret}\n`, "2:1"],
    [`a: @${secret}\n`, "1:4"],
  ] as const) {
    it(`names the place, but shows nothing of ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseYaml(text, "f.yaml"),
        new Problems([`f.yaml:${place}: cannot be read as YAML; correct it there`]),
      );
    });
  }

  for (const text of [`a: *${secret}`, "[".repeat(100_000)])
    it(`names only the file if an error has no place: ${text.slice(0, 20)}`, () => {
      assert.throws(
        () => parseYaml(text, "f.yaml"),
        (error: Error) => {
          assert.match(error.message, /^f\.yaml(:\d+:\d+)?: cannot be read as YAML; /);
          assert.doesNotMatch(error.message, /hunter2/);
          return error instanceof Problems;
        },
      );
    });
});

describe("parseJson", () => {
  it("reads JSON", () => assert.deepEqual(parseJson('{"a":1}', "x", "y"), { a: 1 }));

  for (const text of [secret, `{"a": ${secret}}`, `"${secret}`, ""])
    it(`shows nothing of ${JSON.stringify(text)}, which it cannot read`, () =>
      assert.throws(
        () => parseJson(text, "x", "fix it"),
        new Problems(["x: cannot be read as JSON; fix it"]),
      ));
});
