import assert from "node:assert/strict";
import { readDockerfile } from "../../../../../core/content/dockerfile/read";
import { Unsure } from "../../../../../core/content/dockerfile/unsure";

describe("readDockerfile", () => {
  const texts = (source: string) =>
    readDockerfile(source).instructions.map(({ keyword, text }) => `${keyword} ${text}`);
  const cases: Record<string, [source: string, instructions: string[]]> = {
    "joins continued lines and drops comments and empty lines between them": [
      "COPY a \\\n  # why\n\n  b \\  \n\tc /x/\nRUN y\n",
      ["COPY a   b \tc /x/", "RUN y"],
    ],
    "does not continue after two backslashes": ["RUN a \\\\\nCOPY b /c\n", ["RUN a \\\\", "COPY b /c"]],
    "does not continue a comment": ["# a \\\nCOPY b /c", ["COPY b /c"]],
    "reads keywords in capitals or small letters": ["copy a b\nRun x", ["COPY a b", "RUN x"]],
    "reads Windows line ends and a byte order mark": [
      "\ufeffFROM a\r\nCOPY b \\\r\n c\r\n",
      ["FROM a", "COPY b  c"],
    ],
    "honours the escape directive": [
      "# escape=`\nCOPY a `\n b\nRUN c\\\nRUN d",
      ["COPY a  b", "RUN c\\", "RUN d"],
    ],
    "stops looking for directives at the first comment": ["# hello\n# escape=`\nRUN a \\\n b", ["RUN a  b"]],
    "leaves the text of a heredoc alone": ["RUN <<EOF\nCOPY a b\nEOF\nRUN c", ["RUN <<EOF", "RUN c"]],
    "ends a `<<-` heredoc at its name after tabs": [
      "RUN <<-E cat\n\tCOPY a\n\tE\nRUN c",
      ["RUN <<-E cat", "RUN c"],
    ],
    "reads several heredocs of one instruction": [
      "COPY <<A <<B /x\n1\nA\n2\nB\nRUN c",
      ["COPY <<A <<B /x", "RUN c"],
    ],
    "reads a heredoc with a quoted name": ['RUN <<"E" cat\n$X\nE\nRUN c', ['RUN <<"E" cat', "RUN c"]],
    "finds no heredoc in quotes, in a here-string or in a shift": [
      'RUN echo "<<E"\nRUN cat <<<E\nRUN echo $((1<<2))\nRUN c',
      ['RUN echo "<<E"', "RUN cat <<<E", "RUN echo $((1<<2))", "RUN c"],
    ],
    "finds no heredoc in the exec form": ['RUN ["a", "<<E"]\nRUN c', ['RUN ["a", "<<E"]', "RUN c"]],
    "reads a heredoc in ONBUILD": ["ONBUILD RUN <<E\nCOPY x\nE\nRUN c", ["ONBUILD RUN <<E", "RUN c"]],
  };
  for (const [name, [source, instructions]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(texts(source), instructions));
  }

  it("separates flags and the content of heredocs from the text", () => {
    const [instruction] = readDockerfile("COPY --from=a --chmod=1 <<-E x /\n\t1\n\tE\n").instructions;
    assert.deepEqual(instruction, {
      keyword: "COPY",
      flags: ["--from=a", "--chmod=1"],
      text: "<<-E x /",
      heredocs: [{ name: "E", expand: true, content: "1\n" }],
      line: 1,
    });
  });

  it("removes quotes from flags, as the builder does", () => {
    const [run] = readDockerfile(`RUN --mount=type=cache,target="/cache/npm" '--mount'=a "x" y`).instructions;
    assert.deepEqual(run!.flags, ["--mount=type=cache,target=/cache/npm"]);
    assert.equal(run!.text, `'--mount'=a "x" y`);
    const [copy] = readDockerfile(`COPY --from='a b'"c"d e f`).instructions;
    assert.deepEqual([copy!.flags, copy!.text], [["--from=a bcd"], "e f"]);
  });

  for (const source of [
    "RUN <<E\nx\n",
    'COPY --from="a b c d',
    'COPY --exclude="a\\\\b" c d',
    "COPY --exclude=\u00fc c d",
    "// syntax=x\nFROM a",
    '{"syntax": "x"}',
    "RUN <<E'F'\nEF\n",
    'RUN "<<E',
    "# escape=x\nFROM a",
  ]) {
    it(`is unsure of ${JSON.stringify(source)}`, () => assert.throws(() => readDockerfile(source), Unsure));
  }
});
