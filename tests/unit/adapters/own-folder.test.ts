import assert from "node:assert/strict";
import { fileName } from "../../../adapters/own-folder";

// How folders are made, refused and closed to others is tested with what is kept in them: build-folder, manifests.
describe("fileName", () => {
  for (const name of ["web", "NPM_TOKEN", "v1.2-beta", "_", "-x"])
    it(`keeps ${name}, a plain name, so that paths in the state do not change`, () =>
      assert.equal(fileName(name), name));

  const others = ["", ".", "..", "a/b", "a\\b", "\0", "../../x", ".hidden", "ä", "x".repeat(101)];
  for (const name of others)
    it(`replaces ${JSON.stringify(name)} by a hash`, () => assert.match(fileName(name), /^\.[0-9a-f]{32}$/));

  it("gives different names different files", () => {
    assert.equal(new Set(others.map(fileName)).size, others.length);
  });
});
