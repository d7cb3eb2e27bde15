import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { type TarEntry, tar } from "../../../../core/host/tar";

/** What an unpacked folder holds, in the writer's own terms. */
function unpackedBy(command: string[], archive: Buffer): TarEntry[] {
  const folder = mkdtempSync(join(tmpdir(), "everfresh-tar-"));
  try {
    execFileSync(command[0]!, [...command.slice(1), "-xpf", "-", "-C", folder], { input: archive });
    const walk = (path: string): TarEntry[] =>
      readdirSync(join(folder, path), { encoding: "utf8" }).flatMap((name): TarEntry[] => {
        const inner = path === "" ? name : `${path}/${name}`;
        const status = lstatSync(join(folder, inner));
        if (status.isSymbolicLink())
          return [{ type: "symlink", path: inner, target: readlinkSync(join(folder, inner)) }];
        if (status.isDirectory()) return [{ type: "directory", path: inner }, ...walk(inner)];
        const executable = (status.mode & 0o100) !== 0;
        const isPrivate = (status.mode & 0o077) === 0;
        const bytes = readFileSync(join(folder, inner));
        return [{ type: "file", path: inner, executable, ...(isPrivate && { private: true }), bytes }];
      });
    return walk("");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** In order, as plain objects, every content a Buffer: so that two of them can be compared. */
const byPath = (entries: TarEntry[]) =>
  [...entries]
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map((entry) => ({
      ...entry,
      ...(entry.type === "file" ? { bytes: Buffer.from(entry.bytes as Uint8Array) } : {}),
    }));

const name = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 60 })
  .filter((text) => !/[\0/]/.test(text) && text !== "." && text !== ".." && Buffer.byteLength(text) < 200);
const entries = fc.uniqueArray(name, { maxLength: 6 }).chain((names) =>
  fc.tuple(
    ...names.map((path) =>
      fc.oneof(
        fc.record(
          {
            type: fc.constant("file" as const),
            path: fc.constant(path),
            executable: fc.boolean(),
            private: fc.constant(true),
            bytes: fc.uint8Array({ maxLength: 1500 }),
          },
          { requiredKeys: ["type", "path", "executable", "bytes"] },
        ),
        fc.record({ type: fc.constant("directory" as const), path: fc.constant(path) }),
        fc.record({
          type: fc.constant("symlink" as const),
          path: fc.constant(path),
          target: name.map((text) => `../${text}`),
        }),
      ),
    ),
  ),
);

describe("tar", () => {
  for (const command of [["tar"], ["busybox", "tar"]]) {
    it(`is unpacked exactly by ${command.join(" ")}`, () => {
      assert.ok(spawnSync(command[0]!, ["--help"]).status !== null, `${command[0]}: not found; install it`);
      fc.assert(
        fc.property(entries, (given) => {
          assert.deepEqual(byPath(unpackedBy(command, tar(given))), byPath(given));
        }),
        { numRuns: 40 },
      );
    });

    it(`keeps long names and link targets through ${command.join(" ")}`, () => {
      const deep = Array.from({ length: 12 }, (_, index) => `folder-number-${index}-${"x".repeat(20)}`);
      const folders = deep.map(
        (_, index): TarEntry => ({ type: "directory", path: deep.slice(0, index + 1).join("/") }),
      );
      const given: TarEntry[] = [
        ...folders,
        { type: "file", path: `${deep.join("/")}/-leading dash`, executable: true, bytes: Buffer.from("x") },
        { type: "symlink", path: "link", target: `${deep.join("/")}/-leading dash` },
      ];
      assert.deepEqual(byPath(unpackedBy(command, tar(given))), byPath(given));
    });
  }

  it("has the same bytes at any time, for any user", () => {
    const given: TarEntry[] = [{ type: "file", path: "a", executable: false, bytes: Buffer.from("a") }];
    const digest = createHash("sha256").update(tar(given)).digest("hex");
    assert.equal(digest, "c69cf65f254f39e4b8b2df4e96fdeda0fd2be5e9dcac59a39aaf2588eeca8263");
  });

  it("refuses a NUL character in a name", () => {
    assert.throws(() => tar([{ type: "directory", path: "a\0b" }]), RangeError);
  });
});
