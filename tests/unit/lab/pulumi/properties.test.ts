import assert from "node:assert/strict";
import {
  fromStruct,
  isMarked,
  plain,
  revealed,
  secret,
  secretOutput,
  toStruct,
  unknown,
} from "../../../../lab/pulumi/plugin/properties";

describe("properties as they travel", () => {
  it("are unchanged after they travel to the engine and back", () => {
    const properties = { a: [1, true, null, "x"], b: { c: {}, d: [] }, e: secret({ f: "g" }) };
    assert.deepEqual(fromStruct(toStruct(properties)), properties);
  });

  it("are marked as secret once", () => {
    assert.deepEqual(secret(secret("a")), secret("a"));
    assert.equal(revealed(secret("a")), "a");
    assert.equal(revealed("a"), "a");
    assert.ok(isMarked(secret("a")) && !isMarked({ a: "b" }) && !isMarked("a"));
  });

  it("are marked as a future secret while they are unknown", () => {
    assert.ok(isMarked(secretOutput(unknown)));
    assert.notDeepEqual(secretOutput(unknown), secret(unknown));
    assert.deepEqual(secretOutput("a"), secret("a"));
  });

  it("lose their marks at any depth", () => {
    assert.deepEqual(plain({ a: secret([{ b: secret("c") }]), d: [secret(false)] }), {
      a: [{ b: "c" }],
      d: [false],
    });
  });
});
