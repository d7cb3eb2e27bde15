import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { type BuildSpec, identify, surveyContexts } from "../../../../core/content";
import { Folder } from "./folder";

describe("surveyContexts", () => {
  const folder = new Folder();
  const surveys = async (more: Partial<BuildSpec> = {}) => {
    const spec = folder.spec(more);
    return surveyContexts(spec, await identify(spec));
  };
  const survey = async (more: Partial<BuildSpec> = {}) => (await surveys(more))[0]!;
  const reasons = async (more: Partial<BuildSpec> = {}) =>
    Object.fromEntries((await survey(more)).unseen.map(({ path, why }) => [path, why]));

  beforeEach(() => {
    folder.dockerfile("FROM scratch", "COPY src package.json /");
    folder.write({
      ".dockerignore": "node_modules\n**/*.log\n!src/keep.log\n",
      "package.json": "{}",
      "src/page.ts": "x".repeat(1000),
      "src/lib/big.bin": "x".repeat(5000),
      "src/a.log": "x",
      "src/keep.log": "x",
      "node_modules/p/index.js": "xx",
      "node_modules/q.js": "x",
      "docs/a.md": "xxxx",
    });
  });

  it("sums the files that count, in total and by top-level entry", async () => {
    const { counted, heaviest } = await survey();
    assert.deepEqual(counted, { path: "./", files: 4, bytes: 6003 });
    assert.deepEqual(heaviest, [
      { path: "src/", files: 3, bytes: 6001 },
      { path: "package.json", files: 1, bytes: 2 },
    ]);
  });

  it("lists what the build does not see, with size and reason, and a whole folder only once", async () => {
    assert.deepEqual((await survey()).unseen, [
      { path: "docs/", files: 1, bytes: 4, why: "no instruction reads it" },
      { path: "node_modules/", files: 2, bytes: 3, why: 'ignored by "node_modules" in .dockerignore' },
      { path: "src/a.log", files: 1, bytes: 1, why: 'ignored by "**/*.log" in .dockerignore' },
    ]);
  });

  it("counts a file in a folder that is not copied itself", async () => {
    folder.dockerfile("FROM scratch", "COPY src/page.ts /");
    const { heaviest, unseen } = await survey();
    assert.deepEqual(heaviest, [{ path: "src/", files: 1, bytes: 1000 }]);
    assert.ok(unseen.some(({ path }) => path === "src/lib/"));
  });

  it("names the rule that decides, even after an exception", async () => {
    folder.write({ ".dockerignore": "src\n!src/lib\nsrc/lib/big.bin\n", "src/lib/small": "1" });
    assert.deepEqual(await reasons(), {
      "src/page.ts": 'ignored by "src" in .dockerignore',
      "src/a.log": 'ignored by "src" in .dockerignore',
      "src/keep.log": 'ignored by "src" in .dockerignore',
      "src/lib/big.bin": 'ignored by "src/lib/big.bin" in .dockerignore',
      "docs/": "no instruction reads it",
      "node_modules/": "no instruction reads it",
    });
  });

  it("lists a folder once if a rule ignores each file in it, although the folder itself is copied", async () => {
    folder.dockerfile("FROM scratch", "COPY . /");
    folder.write({ ".dockerignore": "node_modules/*\n" });
    assert.deepEqual((await survey()).unseen, [
      { path: "node_modules/", files: 2, bytes: 3, why: 'ignored by "node_modules/*" in .dockerignore' },
    ]);
  });

  it("lists the files of a folder one by one if they are ignored for different reasons", async () => {
    folder.dockerfile("FROM scratch", "COPY . /");
    folder.write({ ".dockerignore": "node_modules/p\n**/q.js\n" });
    assert.deepEqual(await reasons(), {
      "node_modules/p/": 'ignored by "node_modules/p" in .dockerignore',
      "node_modules/q.js": 'ignored by "**/q.js" in .dockerignore',
    });
  });

  for (const ignoreFile of [".dockerignore", "Dockerfile.dockerignore"]) {
    it(`neither counts the Dockerfile and ${ignoreFile} nor calls them unseen`, async () => {
      rmSync(folder.at(".dockerignore"));
      folder.write({ [ignoreFile]: "*.log\n" });
      const { counted, unseen } = await survey();
      assert.equal(counted.files, 5);
      assert.deepEqual(unseen.map(({ path }) => path).sort(), ["docs/", "node_modules/"]);
    });
  }

  it("does not call a Dockerfile unseen if it is named dockerfile", async () => {
    execFileSync("mv", [folder.at("Dockerfile"), folder.at("dockerfile")]);
    assert.ok(!("dockerfile" in (await reasons())));
  });

  it("counts the Dockerfile if an instruction copies it", async () => {
    folder.dockerfile("FROM scratch", "COPY Dockerfile /");
    assert.deepEqual((await survey()).heaviest, [{ path: "Dockerfile", files: 1, bytes: 31 }]);
  });

  it("counts a link as one file without bytes", async () => {
    symlinkSync("/nowhere", folder.at("src/dangling"));
    assert.deepEqual((await survey()).counted, { path: "./", files: 5, bytes: 6003 });
  });

  it("surveys named contexts by their own ignore files, after the main context", async () => {
    folder.dockerfile("FROM scratch", "COPY package.json /", "COPY --from=assets logo.png /");
    folder.write({
      "assets/logo.png": "1234",
      "assets/notes.md": "12",
      "assets/draft.png": "1",
      "assets/package.json": "",
      "assets/.dockerignore": "*.md\n",
    });
    const additionalContexts = { assets: folder.at("assets"), unused: folder.at("docs") };
    const [main, ...named] = await surveys({ additionalContexts });
    assert.equal(main!.name, undefined);
    assert.deepEqual(named, [
      {
        name: "assets",
        counted: { path: "./", files: 1, bytes: 4 },
        heaviest: [{ path: "logo.png", files: 1, bytes: 4 }],
        unseen: [
          { path: "notes.md", files: 1, bytes: 2, why: 'ignored by "*.md" in .dockerignore' },
          { path: "draft.png", files: 1, bytes: 1, why: "no instruction reads it" },
          { path: "package.json", files: 1, bytes: 0, why: "no instruction reads it" },
        ],
      },
    ]);
  });

  it("lists an unreadable folder without a size instead of failing", async () => {
    folder.write({ "db/secret": "12345" });
    const spec = JSON.stringify(folder.spec());
    const script = `const { identify, surveyContexts } = require("./core/content");
      identify(${spec}).then((identity) => console.log(JSON.stringify(surveyContexts(${spec}, identity)[0].unseen)));`;
    // Root reads everything: look as somebody else.
    const other = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    chmodSync(folder.path, 0o755);
    chmodSync(folder.at("db"), 0);
    try {
      const env = { ...process.env, HOME: "/nonexistent", TMPDIR: "/tmp" };
      const options = { ...other, env, encoding: "utf8" } as const;
      const unseen = JSON.parse(execFileSync(process.execPath, ["--import", "tsx", "-e", script], options));
      const expected = { path: "db/", files: 0, bytes: 0, why: "no instruction reads it" };
      assert.deepEqual(unseen.at(-1), expected);
    } finally {
      chmodSync(folder.at("db"), 0o755);
    }
  }).timeout(20_000);

  it("lists an empty folder", async () => {
    mkdirSync(folder.at("empty"));
    assert.equal((await reasons())["empty/"], "no instruction reads it");
  });
});

describe("the reasons for counting a whole context", () => {
  const folder = new Folder();
  const reasons = async (dockerfileInline: string) => {
    const { wholeContext, reasons } = await identify(folder.spec({ dockerfileInline }));
    assert.equal(wholeContext, true);
    return reasons;
  };

  it("name the instruction that reads all of it", async () => {
    assert.deepEqual(await reasons("FROM scratch\nCOPY . /app\n"), ["COPY . /app (line 2) reads all of it"]);
  });

  it("name what is uncertain in the Dockerfile", async () => {
    assert.deepEqual(await reasons("FROM a\nCOPY $X /app\n"), [
      "everything counts, because the Dockerfile may be read differently by the builder: only the builder knows the value of $X",
    ]);
  });
});
