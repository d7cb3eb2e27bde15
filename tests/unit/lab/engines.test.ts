import assert from "node:assert/strict";
import { engineText, everyEngine, parseEngine } from "../../../lab/engines";

describe("an engine of the lab", () => {
  it("has the classic image store unless another is named", () => {
    assert.deepEqual(parseEngine("newest", "here"), { engine: "newest", store: "classic" });
  });

  for (const one of everyEngine)
    it(`can be ${engineText(one)}`, () => assert.deepEqual(parseEngine(engineText(one), "here"), one));

  for (const text of ["", "latest", "newest/overlay2", "oldest/containerd", "newest/classic/x"])
    it(`cannot be ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseEngine(text, "EVERFRESH_ENGINE"), {
        name: "RangeError",
        message: /^EVERFRESH_ENGINE: there is no engine .*; use one of oldest\/classic, stable\/classic, /,
      });
    });
});
