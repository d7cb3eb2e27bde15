import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { quote } from "../../../core/quote";

describe("quote", () => {
  it("passes any argument through a real sh exactly", () => {
    const text = fc.string({ unit: "binary" }).filter((s) => !s.includes("\0"));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 20 }), (args) => {
        const { stdout } = spawnSync("sh", ["-c", `printf '%s\\0' end ${args.map(quote).join(" ")}`], {
          encoding: "utf8",
        });
        assert.deepEqual(stdout.split("\0").slice(1, -1), args);
      }),
      { numRuns: 50 },
    );
  });

  it("leaves plain words readable", () => {
    assert.equal(quote("registry.example.com/shop/web:1.2"), "registry.example.com/shop/web:1.2");
  });

  it("quotes the empty string and a leading tilde", () => {
    assert.equal(quote(""), "''");
    assert.equal(quote("~/x"), "'~/x'");
  });

  it("refuses a NUL character", () => {
    assert.throws(() => quote("a\0b"), RangeError);
  });
});
