import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { fingerprint } from "../../../core/files";
import type { ReleaseFileEntry } from "../../../core/host/types";

const file = (path: string, text: string, executable = false): ReleaseFileEntry => ({
  type: "file",
  path,
  executable,
  bytes: Buffer.from(text),
});

describe("fingerprint", () => {
  const key = "k";
  const base = [{ type: "directory", path: "d" } as const, file("d/a", "bytes")];

  it("is HMAC-SHA256 over fields framed by their lengths, in every version", () => {
    assert.equal(
      fingerprint([...base, { type: "symlink", path: "d/l", target: "a" }], key),
      createHmac("sha256", key).update("9:directory1:d4:file3:d/a1:-5:bytes7:symlink3:d/l1:a").digest("hex"),
    );
  });

  const different: [string, ReleaseFileEntry[], string][] = [
    ["a byte", [base[0]!, file("d/a", "bytez")], key],
    ["the executable bit", [base[0]!, file("d/a", "bytes", true)], key],
    ["a name", [base[0]!, file("d/b", "bytes")], key],
    ["the type", [base[0]!, { type: "symlink", path: "d/a", target: "bytes" }], key],
    ["one more empty folder", [...base, { type: "directory", path: "d/e" }], key],
    ["one file fewer", [base[0]!], key],
    ["the key", base, "l"],
  ];
  for (const [name, entries, otherKey] of different) {
    it(`changes with ${name}`, () => assert.notEqual(fingerprint(entries, otherKey), fingerprint(base, key)));
  }

  it("is the same for equal trees, and differs for all others", () => {
    const name = fc.constantFrom("a", "b", "1:a", "-", "4:file");
    const entry = fc.oneof(
      fc.record({ type: fc.constant("directory" as const), path: name }),
      fc.record({ type: fc.constant("symlink" as const), path: name, target: name }),
      fc.record({
        type: fc.constant("file" as const),
        path: name,
        executable: fc.boolean(),
        bytes: name.map((text) => Buffer.from(text)),
      }),
    );
    const tree = fc.array(entry, { maxLength: 3 });
    fc.assert(
      fc.property(tree, tree, (a, b) => {
        assert.equal(fingerprint(a, key) === fingerprint(b, key), JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 1000 },
    );
  });
});
