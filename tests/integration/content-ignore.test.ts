import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { requireBuilder } from "./content-support/builder";
import { builtEntries, type Compared, compareIgnoreFiles, countedEntries } from "./content-support/entries";
import { Random } from "./content-support/random";

const TREE = [
  "Dockerfile",
  "README.md",
  "a.txt",
  "b.txt",
  ".env",
  "x y",
  "ünï",
  "[z]",
  "src/a.txt",
  "src/README.md",
  "src/lib/a.txt",
  "src/lib/deep/b.txt",
  "src/lib/deep/keep/c.md",
  "docs/a.md",
  "docs/img/a.png",
  "node_modules/p/index.js",
  "node_modules/p/README.md",
  "foo/bar/baz",
  "foobar/x",
  "foo.bar",
  "a/b/c/d/e",
  "config/dev.json",
  "config/prod.json",
  "!not",
  "#hash",
  "src\\lib",
  "ab",
  "aXb",
  "a\nb",
];

/** Lines of one ignore file each. */
const RULES: string[][] = [
  [],
  ["*.txt"],
  ["**/*.txt"],
  ["src"],
  ["src/"],
  ["/src"],
  ["./src"],
  ["src/*"],
  ["src/**"],
  ["**"],
  ["*"],
  ["**", "!src"],
  ["*", "!src/lib"],
  ["*", "!src/lib/deep"],
  ["*", "!**/README.md"],
  ["node_modules", "!node_modules/p/README.md"],
  ["src", "!src/lib/a.txt"],
  ["src", "!src/lib", "src/lib/deep"],
  ["!src", "src"],
  ["src", "!src"],
  ["**/README.md", "!README.md"],
  ["**/deep", "!**/keep"],
  ["a/**/d"],
  ["**/b"],
  ["a/**"],
  ["a/**/"],
  ["a?b"],
  ["a[A-Z]b"],
  ["a[^A-Z]b"],
  ["[[]z]"],
  ["\\[z\\]"],
  ["\\#hash"],
  ["#hash"],
  ["\\!not"],
  ["!!not"],
  ["*", "!\\!not"],
  ["src\\lib"],
  ["src\\\\lib"],
  ["foo*"],
  ["foo**"],
  ["**foo"],
  ["**r"],
  ["**/bar/**"],
  ["foo.bar"],
  ["foo?bar"],
  ["  docs  "],
  ["\tdocs"],
  ["docs/../src"],
  ["../src"],
  ["/"],
  ["."],
  ["*/a.txt"],
  ["*/*/a.txt"],
  ["**/*.md", "!docs/*.md"],
  ["**/*.md", "!docs/**/*.md", "docs/a.md"],
  ["x y"],
  ["ü*"],
  ["?nï"],
  ["docs/i*", "!docs/img/a.png"],
  [".*"],
  ["*.*"],
  ["config/*.json", "!config/prod.json"],
  ["config", "!config/prod.json"],
  ["! src/lib"],
  ["src", "! src/lib"],
  ["*", "!a", "a/b/c/d"],
  ["**/**/b.txt"],
  ["s*c/l*"],
  ["a\\?b"],
  ["a*b"],
  ["$"],
  ["(a|b).txt"],
  ["a+"],
  ["{a,b}.txt"],
  ["\\a.txt"],
  ["\\d.txt"],
];

/** Go refuses this escape, and with it the whole build. */
const REFUSED = ["src\\lib"];

const WAYS_OF_WRITING: Record<string, string> = {
  "a byte order mark, Windows line ends and a comment": "\ufeffsrc\r\n\r\n# docs\r\ndocs/img\r\n",
  "a space before a comment sign": " # src\n#docs\n",
  "no line end": "src",
  "empty lines": "\n\n  \n!src\n",
  "spaces that are not ASCII": "src\u00a0\n\u2003docs",
};

describe("ignore rules beside the real builder", function () {
  this.timeout(600_000);
  let folder: string;
  before(requireBuilder);

  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const makeTree = () => {
    folder = mkdtempSync(join(tmpdir(), "ignore-"));
    for (const path of TREE) write(path, "x");
    write("Dockerfile", "FROM scratch\nCOPY . /\n");
    symlinkSync("src", join(folder, "link"));
    symlinkSync("nowhere", join(folder, "src/dangling"));
    mkdirSync(join(folder, "empty"));
  };
  const removeTree = () => rmSync(folder, { recursive: true, force: true });

  describe("leave the same entries", () => {
    let compared: Map<string, Compared>;
    const texts = [...RULES.map((lines) => lines.join("\n")), ...Object.values(WAYS_OF_WRITING)];
    before(async () => {
      makeTree();
      const results = await compareIgnoreFiles(folder, texts);
      compared = new Map(texts.map((text, i) => [text, results[i]!]));
    });
    after(removeTree);

    const mustAgree = (text: string) => {
      const { builder, everfresh } = compared.get(text)!;
      assert.ok(builder, "the builder refuses it");
      assert.deepEqual(everfresh, builder);
    };
    for (const lines of RULES) {
      const text = lines.join("\n");
      if (REFUSED.includes(text)) continue;
      it(
        lines.length === 0 ? "without a rule" : `for ${lines.map((line) => JSON.stringify(line)).join(", ")}`,
        () => mustAgree(text),
      );
    }
    for (const [what, text] of Object.entries(WAYS_OF_WRITING))
      it(`in a file with ${what}`, () => mustAgree(text));
  });

  describe("leave the same entries", () => {
    beforeEach(makeTree);
    afterEach(removeTree);

    it("for random combinations of them", async () => {
      const random = new Random(Number(process.env.EVERFRESH_SEED ?? 7));
      const all = RULES.flat();
      const combination = () =>
        Array.from(
          { length: 2 + random.below(5) },
          () => (random.chance(0.4) ? "!" : "") + random.pick(all).replace(/^!/, ""),
        );
      const texts = Array.from({ length: Number(process.env.EVERFRESH_IGNORE_RUNS ?? 24) }, () =>
        combination().join("\n"),
      );
      const results = await compareIgnoreFiles(folder, texts);
      const accepted = texts
        .map((text, i) => ({ text, ...results[i]! }))
        .filter(({ builder }) => builder !== undefined);
      assert.deepEqual(
        accepted.filter(({ builder, everfresh }) => JSON.stringify(everfresh) !== JSON.stringify(builder)),
        [],
      );
      assert.ok(
        accepted.length > 0.9 * texts.length,
        `the builder accepts only ${accepted.length} of ${texts.length}`,
      );
    });

    for (const own of ["docs\n", ""]) {
      it(`if the Dockerfile's own ignore file, ${JSON.stringify(own)}, takes precedence`, async () => {
        write(".dockerignore", "src\n");
        write("Dockerfile.dockerignore", own);
        assert.deepEqual(await countedEntries(folder), await builtEntries(folder));
      });
    }

    it("of a folder with a FIFO, a socket and a setuid file", async () => {
      execFileSync("mkfifo", [join(folder, "src/fifo")]);
      const socket = createServer().listen(join(folder, "src/socket"));
      chmodSync(join(folder, "a.txt"), 0o4755);
      write(".dockerignore", "docs\n");
      try {
        await new Promise((done) => socket.once("listening", done));
        // Older builders leave a FIFO out, and a socket becomes an empty file in the image.
        const withoutFifo = (entries: string[]) => entries.filter((entry) => entry !== "fifo src/fifo");
        assert.deepEqual(
          withoutFifo(await countedEntries(folder)).map((entry) => entry.replace(/^socket /, "file ")),
          withoutFifo((await builtEntries(folder))!),
        );
      } finally {
        socket.close();
      }
    });
  });
});
