import assert from "node:assert/strict";
import { excerpt } from "../../../core/excerpt";

describe("excerpt", () => {
  it("leaves a short line as it is", () => {
    assert.equal(excerpt("`web` größer ≥ 🎉"), "`web` größer ≥ 🎉");
  });

  it("has nothing in it that a terminal acts upon, nor a second line", () => {
    assert.equal(excerpt("a\nb\u001b[2Jc\u009bd\u202ee\u2028f\ud800"), "a?b?[2Jc?d?e?f?");
  });

  it("cuts a long text, and shows that it does", () => {
    assert.equal(excerpt("abcdef", 6), "abcdef");
    assert.equal(excerpt("abcdefg", 6), "abcde…");
  });
});
