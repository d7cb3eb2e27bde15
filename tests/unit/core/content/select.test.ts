import assert from "node:assert/strict";
import fc from "fast-check";
import { IgnoreRules } from "../../../../core/content/ignore";
import { select } from "../../../../core/content/select";
import { walk } from "../../../../core/content/walk";
import { Folder } from "./folder";

describe("select", () => {
  const folder = new Folder();

  it("selects for --parents at least what an ignore file would match with the same pattern", () => {
    const names = ["a", "b", "ab", "a.b"];
    for (const one of names) {
      for (const two of names) {
        folder.write({ [`${one}/${two}/ab`]: "", [`${one}/${two}/b/a`]: "", [`${one}/x`]: "" });
      }
    }
    const everything = { includes: () => true, mayInclude: () => true };
    const none = new IgnoreRules([]);
    const all: string[] = [];
    walk(folder.path, none, everything, (path) => all.push(path));
    const part = fc.constantFrom("a", "b", "a*", "*", "?", "*.b", "**", "[ab]", "a**", "**b", "\\a", "none");
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        const path = parts.join("/");
        const found: string[] = [];
        const scope = select({ root: folder.path, rules: none }, [
          { path, exclude: [], parents: true, by: "test" },
        ]);
        walk(folder.path, none, scope, (at) => found.push(at));
        const pattern = new IgnoreRules([path]);
        const matched = all.filter((at) => pattern.ignores(at));
        assert.deepEqual(
          matched.filter((at) => !found.includes(at)),
          [],
          path,
        );
        const above = matched.filter((at) => at.includes("/")).map((at) => at.slice(0, at.lastIndexOf("/")));
        assert.ok(above.every((at) => found.includes(at)));
      }),
      { numRuns: 300 },
    );
  });
});
