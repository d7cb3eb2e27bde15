import assert from "node:assert/strict";
import { fileName } from "../../../adapters/own-folder";

// How folders are made, refused and closed to others is tested with what is kept in them: build-folder, manifests.
describe("fileName", () => {
  it("keeps a plain name, so that paths in the state do not change", () => {
    for (const name of ["web", "NPM_TOKEN", "v1.2-beta", "_", "-x"]) assert.equal(fileName(name), name);
  });

  it("gives any other name a distinct file name", () => {
    const names = ["", ".", "..", "a/b", "a\\b", "\0", "../../x", ".hidden", "ä", "x".repeat(101)];
    const files = names.map(fileName);
    for (const file of files) assert.match(file, /^\.[0-9a-f]{32}$/);
    assert.equal(new Set(files).size, names.length);
  });
});
