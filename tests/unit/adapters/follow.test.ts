import assert from "node:assert/strict";
import { lineReader } from "../../../adapters/follow";

describe("lineReader", () => {
  const read = (...chunks: (string | Buffer)[]) => {
    const lines: string[] = [];
    const take = lineReader((line) => lines.push(line));
    for (const chunk of chunks) take(Buffer.from(chunk as string));
    return lines;
  };
  const euro = Buffer.from("€");

  const cases: [string, (string | Buffer)[], string[]][] = [
    ["gives each whole line", ["a\nb\n"], ["a", "b"]],
    ["keeps the begin of a line until its end comes", ["a", "b", "c\nd"], ["abc"]],
    ["keeps empty lines", ["\n\na\n"], ["", "", "a"]],
    [
      "puts a character together that came in two parts",
      [euro.subarray(0, 1), euro.subarray(1), "\n"],
      ["€"],
    ],
  ];
  for (const [obligation, chunks, lines] of cases)
    it(obligation, () => assert.deepEqual(read(...chunks), lines));

  it("cuts a line that does not end, so that it does not fill the memory", () => {
    const lines = read(...Array.from({ length: 30 }, () => "x".repeat(100_000)), "\n");
    assert.equal(lines.join("").length, 3_000_000);
    assert.ok(lines.length > 1);
  });
});
