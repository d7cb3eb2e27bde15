import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { extract } from "tar-stream";
import { type BuildSpec, identify } from "../../core/content";
import { requireBuilder } from "./content-support/builder";
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

describe("ignore rules beside the real builder", function () {
  this.timeout(600_000);
  let folder: string;
  before(requireBuilder);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ignore-"));
    for (const path of TREE) write(path, "x");
    write("Dockerfile", "FROM scratch\nCOPY . /\n");
    symlinkSync("src", join(folder, "link"));
    symlinkSync("nowhere", join(folder, "src/dangling"));
    mkdirSync(join(folder, "empty"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (path: string, text: string | Buffer) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const spec = (dockerfile: string): BuildSpec => ({
    context: folder,
    dockerfile,
    args: {},
    platforms: [],
    labels: {},
    additionalContexts: {},
    secrets: [],
  });
  const seen = async (dockerfile = "Dockerfile") =>
    (await identify(spec(dockerfile))).files.map(({ path, type }) => `${type} ${path}`);

  it("leave the same entries, for every form of rule", async () => {
    await compareAll(RULES.map((rules) => rules.join("\n")));
  });

  it("leave the same entries for combinations of them", async () => {
    const random = new Random(Number(process.env.EVERFRESH_SEED ?? 7));
    const all = RULES.flat();
    const some = () =>
      Array.from(
        { length: 2 + random.below(5) },
        () => (random.chance(0.4) ? "!" : "") + random.pick(all).replace(/^!/, ""),
      );
    await compareAll(
      Array.from({ length: Number(process.env.EVERFRESH_IGNORE_RUNS ?? 24) }, () => some().join("\n")),
    );
  });

  it("are read in every way of writing a file", async () => {
    await compareAll([
      "\ufeffsrc\r\n\r\n# docs\r\ndocs/img\r\n",
      " # src\n#docs\n",
      "src",
      "\n\n  \n!src\n",
      "src\u00a0\n\u2003docs",
    ]);
  });

  it("of the Dockerfile's own file go before the context's", async () => {
    write(".dockerignore", "src\n");
    write("Dockerfile.dockerignore", "docs\n");
    assert.deepEqual(await seen(), await built());
    write("Dockerfile.dockerignore", "");
    assert.deepEqual(await seen(), await built());
  });

  it("see what is odd in a folder as the builder does", async () => {
    execFileSync("mkfifo", [join(folder, "src/fifo")]);
    const socket = createServer().listen(join(folder, "src/socket"));
    chmodSync(join(folder, "a.txt"), 0o4755);
    write(".dockerignore", "docs\n");
    try {
      await new Promise((done) => socket.once("listening", done));
      // Older builders leave a FIFO out, and a socket is an empty file in the image.
      const here = (await seen()).filter((entry) => entry !== "fifo src/fifo");
      assert.deepEqual(
        here.map((entry) => entry.replace(/^socket /, "file ")),
        (await built())!.filter((entry) => entry !== "fifo src/fifo"),
      );
    } finally {
      socket.close();
    }
  });

  /**
   * Each stands beside a Dockerfile of its own outside of the context, so that several can be built at once.
   */
  async function compareAll(ignoreFiles: string[]): Promise<void> {
    const beside = mkdtempSync(join(tmpdir(), "ignore-files-"));
    const wrong: unknown[] = [];
    let compared = 0;
    let next = 0;
    const work = async () => {
      while (next < ignoreFiles.length) {
        const dockerfile = join(beside, `${next}`);
        const text = ignoreFiles[next++]!;
        writeFileSync(dockerfile, "FROM scratch\nCOPY . /\n");
        writeFileSync(`${dockerfile}.dockerignore`, text);
        const there = await built(dockerfile);
        const here = await seen(dockerfile).catch((error: Error) => error.message);
        // Rules that the builder does not take have no result to agree with.
        if (!there) continue;
        compared++;
        if (JSON.stringify(here) !== JSON.stringify(there)) wrong.push({ text, here, there });
      }
    };
    await Promise.all([work(), work(), work()]);
    rmSync(beside, { recursive: true });
    assert.deepEqual(wrong, []);
    assert.ok(
      compared > 0.9 * ignoreFiles.length,
      `the builder took only ${compared} of ${ignoreFiles.length}`,
    );
  }

  /** The entries of the image; undefined when the builder does not take the rules. */
  async function built(dockerfile = join(folder, "Dockerfile")): Promise<string[] | undefined> {
    const builder = spawn("docker", [
      "buildx",
      "build",
      "--builder",
      "default",
      "--quiet",
      "--output",
      "type=tar,dest=-",
      "--file",
      dockerfile,
      folder,
    ]);
    const entries: string[] = [];
    const types = { file: "file", directory: "directory", symlink: "symlink", fifo: "fifo" } as Record<
      string,
      string
    >;
    const unpack = extract();
    unpack.on("entry", ({ name, type }, stream, next) => {
      const path = name.replace(/\/$/, "").replace(/^\.\//, "");
      if (path !== "") entries.push(`${types[type!] ?? type} ${path}`);
      stream.on("end", next).resume();
    });
    const finished = new Promise((done, failed) =>
      unpack.on("finish", () => done(undefined)).on("error", failed),
    );
    const status = new Promise<number | null>((done) => builder.on("close", done));
    builder.stderr.resume();
    builder.stdout.pipe(unpack);
    if ((await status) !== 0) return undefined;
    await finished;
    const path = (entry: string) => entry.slice(entry.indexOf(" ") + 1);
    return entries.sort((a, b) => (path(a) < path(b) ? -1 : 1));
  }
});
