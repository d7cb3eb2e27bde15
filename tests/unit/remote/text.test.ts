import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { printable } from "../../../core/printable";
import { quote } from "../../../core/quote";
import { deploymentOf, insteadOfMain, runUnder, SHELLS } from "./shells";

/** Text as a shell's variable can hold it. */
const text = fc
  .oneof(
    fc.string({ unit: "grapheme", maxLength: 30 }),
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.constantFrom(
      "",
      "\u001b[31m",
      "a\u009bb",
      "\u202e\u2066",
      "a\tb",
      '"\\',
      "|",
      "%41 +",
      "/:@",
      "é\u0085",
    ),
  )
  .map((value) => value.replaceAll("\0", "").toWellFormed());

describe("untrusted text on a host", () => {
  const busybox = mkdtempSync(join(tmpdir(), "everfresh-busybox-"));
  before(() => {
    for (const tool of ["awk", "sed", "tr", "head", "tail", "cut"])
      symlinkSync("/usr/bin/busybox", join(busybox, tool));
  });
  after(() => rmSync(busybox, { recursive: true }));

  const places = SHELLS.map((shell) => ({
    place: shell,
    run: (script: string) =>
      runUnder(shell, insteadOfMain(deploymentOf({ kept: "r1", project: "shop" }), script), {
        PATH: shell.startsWith("busybox") ? `${busybox}:${process.env.PATH}` : process.env.PATH,
      }),
  }));

  for (const { place, run } of places) {
    describe(`under ${place}`, () => {
      it("reaches the terminal unchanged, except for what would steer it", () => {
        fc.assert(
          fc.property(text, (value) => {
            const { stderr } = run(`say ${quote(value)}`);
            assert.equal(stderr, `${printable(value)}\n`);
          }),
          { numRuns: 40 },
        );
      });

      it("reaches the terminal even if it is not UTF-8, and is cut when it is too long", () => {
        const bytes = (octal: string) => run(`say "$(printf '${octal}')"`).stderr;
        assert.equal(bytes("a\\233b \\377\\300\\233 \\342\\200"), "a?b ?? ??\n");
        assert.equal(bytes("\\355\\240\\200 \\303\\274"), "? ü\n");
        assert.equal(run(`say "$(printf '%09000d' 1)"`).stderr, `${"0".repeat(4000)} ...\n`);
        const lines = run(
          `say "$(i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); echo "line $i"; done)"`,
        ).stderr;
        assert.equal(lines.split("\n").length, 201);
      });

      it("becomes one word without line breaks or bars in docker's facts, encoded exactly as docker does", () => {
        fc.assert(
          fc.property(text, (value) => {
            const word = goEscape(value);
            assert.doesNotMatch(word, /[\n| ]/);
            const { stdout } = run(
              `engine() { printf '%s\\n' "$escaped"; }; escaped=${quote(word)}; inspected x; printf '%s\\n' "$(encoded ${quote(value)})"`,
            );
            const [given, own] = stdout.split("\n");
            // A folder's name has no line's end: find_folder refuses it.
            if (word !== "" && !value.includes("\n")) assert.equal(own, given);
            assert.doesNotMatch(given!, /[| ]/);
          }),
          { numRuns: 40 },
        );
      });

      it("is never mistaken for JSON", () => {
        const cases = fc.oneof(
          fc.json({ maxDepth: 3 }).map((json) => JSON.stringify(JSON.parse(json))),
          fc.json({ maxDepth: 2 }).map((json) => JSON.stringify(JSON.parse(json)).slice(0, -1)),
          fc.constantFrom(
            '{"a":S}',
            "{}}",
            '{"a":"\\x"}',
            '{"a":01}',
            "{a:1}",
            '{"a":1,}',
            '"\t"',
            "[1 2]",
            "",
            "[,]",
          ),
        );
        fc.assert(
          fc.property(cases, (value) => {
            const { status } = run(`is_json ${quote(value.toWellFormed())}`);
            assert.equal(status === 0, isJson(value), value);
          }),
          { numRuns: 60 },
        );
        assert.notEqual(run(`is_json '{}${"\n"}{}'`).status, 0);
      });
    });
  }
});

/** Go's url.QueryEscape. */
const goEscape = (value: string) =>
  encodeURIComponent(value)
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");

function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}
