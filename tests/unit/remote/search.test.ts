import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { probeProgram, searchProgram } from "../../../core/host/requests";
import { parseSearch, type SearchResult } from "../../../core/host/search";
import { insteadOfMain, runUnder, SHELLS } from "./shells";

const id = "c".repeat(64);

describe("what runs beside containers to search them", () => {
  let program: string;
  let folder: string;
  before(() => {
    program = runUnder(
      "dash",
      insteadOfMain(probeProgram({ project: "shop" }), `printf %s "$search_program"`),
    ).stdout;
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-search-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Searches what this process sees, as if it ran in a container. */
  function search(shell: string, contains: string, place: string, limit = 1000): SearchResult | undefined {
    const request = insteadOfMain(
      searchProgram({ project: "shop" }, { contains, in: place }),
      `request; printf '%s\\0' "$search_text" "$search_swap"`,
    );
    const [text = "", swap = ""] = runUnder("dash", request).stdout.split("\0");
    const [command = "", ...applet] = shell.split(" ");
    const run = `${process.pid}:${id}`;
    const { stdout, stderr } = spawnSync(
      command,
      [...applet, "-c", program, "search", text, swap, place, `${limit}`, run],
      { encoding: "utf8" },
    );
    assert.equal(stderr, "");
    return parseSearch(stdout.split("\n")).get(id);
  }

  const found = (...files: [file: string, count: number][]): SearchResult => ({
    result: "found",
    count: files.reduce((sum, [, count]) => sum + count, 0),
    matching: files.length,
    files: files.map(([file, count]) => ({ path: path.join(folder, file), count })),
  });

  for (const shell of SHELLS) {
    describe(`under ${shell}`, () => {
      it("counts the lines of each file below a folder, whatever it is called", () => {
        mkdirSync(path.join(folder, "a b/-n"), { recursive: true });
        writeFileSync(path.join(folder, "a b/-n/x|y:3"), "new\nold\nnew new\n");
        writeFileSync(path.join(folder, "other"), "old\n");
        symlinkSync("other", path.join(folder, "link"));
        assert.deepEqual(search(shell, "new", folder), found(["a b/-n/x|y:3", 2]));
        assert.deepEqual(search(shell, "nowhere", folder), { result: "not found", searched: 2 });
      });

      const texts = [
        "a.c",
        "a*",
        "[a]",
        "^a$",
        "\\",
        "-e",
        "$(id)",
        "'\"`",
        "é€",
        " x ",
        "a\nb",
        "\n\n",
        "a\n",
        "\u0001\n\u0002",
      ];
      for (const text of texts)
        it(`takes ${JSON.stringify(text)} as it is`, () => {
          writeFileSync(path.join(folder, "with"), `0${text}0`);
          writeFileSync(path.join(folder, "without"), "abc axc aa [b] a\u0001b a b é\n");
          assert.deepEqual(search(shell, text, folder), found(["with", 1]));
        });

      it("finds exactly what is there, in any bytes", () => {
        const bytes = fc.string({ unit: fc.constantFrom("a", "b", "\n", "\u0000", "\u0001"), maxLength: 30 });
        const text = fc.string({
          unit: fc.constantFrom("a", "b", "\n", "\u0001"),
          minLength: 1,
          maxLength: 3,
        });
        fc.assert(
          fc.property(bytes, text, (bytes, text) => {
            writeFileSync(path.join(folder, "file"), bytes);
            const result = search(shell, text, path.join(folder, "file"));
            assert.equal(result?.result, bytes.includes(text) ? "found" : "not found");
          }),
          { numRuns: 20 },
        );
      });

      it("follows links in the path, and only those that lead somewhere", () => {
        mkdirSync(path.join(folder, "real"));
        writeFileSync(path.join(folder, "real/file"), "new\n");
        symlinkSync("../real/./file", path.join(folder, "real/relative"));
        symlinkSync(path.join(folder, "real"), path.join(folder, "absolute"));
        symlinkSync("round", path.join(folder, "round"));
        for (const place of ["real/relative", "absolute/file", "absolute/relative", "absolute/../real/file"])
          assert.deepEqual(search(shell, "new", `${folder}/${place}`), found(["real/file", 1]), place);
        for (const place of ["round", "nope", "real/file/x"])
          assert.deepEqual(search(shell, "new", `${folder}/${place}`), { result: "no such path" }, place);
      });

      it("reads nothing if it is too much", () => {
        writeFileSync(path.join(folder, "large"), Buffer.alloc(3 * 2 ** 20));
        assert.deepEqual(search(shell, "x", folder, 2 * 1024), { result: "too large", mib: 3 });
        assert.deepEqual(search(shell, "x", folder, 3 * 1024), { result: "not found", searched: 1 });
      });
    });
  }

  it("lists a hundred files, and counts the others", () => {
    for (let i = 0; i < 130; i++) writeFileSync(path.join(folder, `f${i}`), "new\n");
    const result = search("dash", "new", folder);
    assert.ok(result?.result === "found");
    assert.deepEqual([result.files.length, result.matching, result.count], [100, 130, 130]);
  });
});
