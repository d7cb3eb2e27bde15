import assert from "node:assert/strict";
import { brief, excerpt, inOneLine, printable } from "../../../core/printable";
import { Problems } from "../../../core/problems";

describe("foreign text", () => {
  it("keeps its lines and tabs, but no terminal control characters", () => {
    assert.equal(printable("a\tb\nc\u001b[31m\u009b"), "a\tb\nc?[31m?");
    assert.equal(printable("\u0000\r\u007f\u202a\u202e\u2066\u2069"), "???????");
    assert.equal(printable("ü€😀\u200d\u2028"), "ü€😀\u200d\u2028");
  });

  it("can be put on one line", () => {
    assert.equal(inOneLine("a\nb\tc\u2028d\u202e"), "a?b?c?d?");
  });

  it("is shortened in a message", () => {
    assert.equal(brief({ message: " two\r\n lines\u001b " }), "two lines?");
    assert.equal(brief({ message: "x".repeat(5000) }).length, 301);
  });

  it("is printable in every problem", () => {
    const { message, problems } = new Problems(["web1: \u001b]0;owned\u0007", "web1: \u009b2J"]);
    assert.deepEqual(problems, ["web1: ?]0;owned?", "web1: ?2J"]);
    assert.equal(message, problems.join("\n"));
  });
});

describe("excerpt", () => {
  it("leaves a short line as it is", () => {
    assert.equal(excerpt("`web` größer ≥ 🎉"), "`web` größer ≥ 🎉");
  });

  it("contains no second line and nothing that a terminal acts on", () => {
    assert.equal(excerpt("a\nb\u001b[2Jc\u009bd\u202ee\u2028f\ud800"), "a?b?[2Jc?d?e?f?");
  });

  it("marks a text that it cuts", () => {
    assert.equal(excerpt("abcdef", 6), "abcdef");
    assert.equal(excerpt("abcdefg", 6), "abcde…");
  });
});
