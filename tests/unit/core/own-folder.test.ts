import assert from "node:assert/strict";
import { fileName } from "../../../core/own-folder";

// Where folders are made, refused and closed to others is tested with what is kept in them: build-folder, manifests.
describe("fileName", () => {
  it("is a plain name itself, so that paths in the state stay as they are", () => {
    for (const name of ["web", "NPM_TOKEN", "v1.2-beta", "_", "-x"]) assert.equal(fileName(name), name);
  });

  it("is one part of a path for any other, and another one for each", () => {
    const names = ["", ".", "..", "a/b", "a\\b", "\0", "../../x", ".hidden", "ä", "x".repeat(101)];
    const files = names.map(fileName);
    for (const file of files) assert.match(file, /^\.[0-9a-f]{32}$/);
    assert.equal(new Set(files).size, names.length);
  });
});
