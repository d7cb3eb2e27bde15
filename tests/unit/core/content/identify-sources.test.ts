import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { baseImages, identify } from "../../../../core/content";
import { CopiedFolder } from "./folder";

describe("identify, for the sources that instructions name,", () => {
  const folder = new CopiedFolder();

  describe("reads named contexts", () => {
    beforeEach(() => {
      const assets = { "logo.png": "logo", "notes.md": "n", ".dockerignore": "*.md\n.dockerignore\n" };
      folder.write(
        Object.fromEntries(Object.entries(assets).map(([name, text]) => [`assets/${name}`, text])),
      );
      folder.dockerfile("FROM img", "COPY --from=assets . /");
    });
    const spec = () => {
      const image = "docker-image://debian:12";
      const additionalContexts = { assets: folder.at("assets"), unused: folder.at("src"), img: image };
      return folder.spec({ additionalContexts });
    };

    it("by their own ignore file", async () => {
      const { files } = await identify(spec());
      assert.deepEqual(
        files.map(({ context, path }) => [context, path]),
        [["assets", "logo.png"]],
      );
    });

    it("only if they are in use", async () => {
      const { inputs } = await identify(spec());
      assert.deepEqual(inputs.contexts, { assets: "a folder", img: "docker-image://debian:12" });
      assert.deepEqual(await baseImages(spec()), { images: ["debian:12"], contexts: ["assets", "img"] });
    });
  });

  it("reads a link and the files that it leads to", async () => {
    symlinkSync("src/lib", folder.at("current"));
    folder.dockerfile("FROM scratch", "COPY current/*.txt /");
    assert.deepEqual(await folder.paths(), ["current", "src/lib/b.txt"]);
  });

  it("matches a wildcard for folders against folders only", async () => {
    folder.dockerfile("FROM scratch", "COPY */page.ts /");
    assert.deepEqual(await folder.paths(), ["src/page.ts"]);
  });

  it("follows links that lead out of the context or in a circle as the builder does", async () => {
    symlinkSync("../../../../a.txt", folder.at("out"));
    symlinkSync("two", folder.at("one"));
    symlinkSync("one", folder.at("two"));
    folder.dockerfile("FROM scratch", "COPY out one /");
    assert.deepEqual(await folder.paths(), ["a.txt", "one", "out", "two"]);
  });

  describe("reads an ignore file", () => {
    beforeEach(() => folder.write({ rules: "README.md\n.dockerignore\nrules\n" }));

    it("through a link that stays in the context", async () => {
      symlinkSync("rules", folder.at(".dockerignore"));
      assert.ok(!(await folder.paths()).includes("README.md"));
    });

    it("but not through an absolute link, which the builder cannot follow", async () => {
      symlinkSync(folder.at("rules"), folder.at(".dockerignore"));
      assert.ok((await folder.paths()).includes("README.md"));
    });
  });

  describe("with --exclude", () => {
    it("leaves out what the patterns match", async () => {
      folder.write({ "src/x": "x" });
      folder.dockerfile("FROM scratch", "COPY --exclude=lib --exclude=*.ts src /");
      assert.deepEqual(await folder.paths(), ["src", "src/x"]);
    });

    it("still reads what another instruction names", async () => {
      folder.write({ "src/x": "x" });
      folder.dockerfile(
        "FROM scratch",
        "COPY --exclude=lib --exclude=*.ts src /",
        "COPY --parents ./src/./l*/b.txt /",
      );
      assert.deepEqual(await folder.paths(), ["src", "src/lib", "src/lib/b.txt", "src/x"]);
    });

    const misread: Record<string, [path: string, ...lines: string[]]> = {
      "with a variable, which the builder does not replace": [
        "dist/app.js",
        "ENV OUT=dist",
        "COPY --exclude=${OUT} . /app/",
      ],
      "with --parents, which matches it from the context's top": [
        "packages/dist/app.js",
        "COPY --parents --exclude=dist packages /app/",
      ],
      "with --parents, which matches it against no file in a folder": [
        "docs/guide.md",
        "COPY --parents --exclude=*.md docs src /app/",
      ],
    };
    for (const [what, [path, ...lines]] of Object.entries(misread)) {
      it(`counts every file for a pattern ${what}`, async () => {
        folder.dockerfile("FROM scratch", ...lines);
        folder.write({ [path]: "1" });
        assert.ok(await folder.changes(() => folder.write({ [path]: "2" })));
      });
    }
  });

  describe("with --parents", () => {
    const packageFiles = ["api", "web"].flatMap((name) => [
      `packages/${name}`,
      `packages/${name}/package.json`,
    ]);
    const allOfApi = [
      "packages",
      "packages/api",
      "packages/api/package.json",
      "packages/api/src",
      "packages/api/src/x.ts",
    ];
    const cases: Record<string, [sources: string, paths: string[]]> = {
      "reads what wildcards match, and the folders above it": [
        "package.json packages/*/package.json",
        ["package.json", "packages", ...packageFiles],
      ],
      "reads everything below a folder that a wildcard matches": [
        "packages/w?b",
        [
          "packages",
          "packages/web",
          "packages/web/a",
          "packages/web/a/package.json",
          "packages/web/package.json",
        ],
      ],
      "matches ** at any depth, except through links and in ignored folders": [
        "**/package.json",
        ["package.json", "packages", ...packageFiles, "packages/web/a", "packages/web/a/package.json"].sort(),
      ],
      "matches ** between other parts": [
        "packages/**/a/*.json",
        ["packages", "packages/web", "packages/web/a", "packages/web/a/package.json"],
      ],
      "reads everything below for ** at the end": ["packages/api/**", allOfApi],
      "reads everything below for a wildcard that means something else in other sources": [
        "packages/api/[p]*.json",
        allOfApi,
      ],
      "reads everything below for ** that is only a part of a name": ["packages/api/s**ts", allOfApi],
    };
    for (const [what, [sources, expected]] of Object.entries(cases)) {
      it(what, async () => {
        folder.dockerfile("FROM scratch", `COPY --parents ${sources} /`);
        folder.write({
          ".dockerignore": "**/node_modules\n",
          "package.json": "{}",
          "node_modules/x/package.json": "{}",
          "packages/README.md": "r",
          "packages/api/package.json": "{}",
          "packages/api/src/x.ts": "x",
          "packages/web/a/package.json": "{}",
          "packages/web/package.json": "{}",
          "packages/none/x.ts": "x",
        });
        symlinkSync("packages", folder.at("linked"));
        assert.deepEqual(await folder.paths(), expected);
      });
    }

    for (const flag of ["--parents", "--parents=", "--parents=true", "--parents=True", "--parents=TRUE"]) {
      it(`treats ${flag} as set`, async () => {
        folder.dockerfile("FROM scratch", `COPY ${flag} src/**/x.txt /`);
        folder.write({ "src/a/b/x.txt": "1" });
        assert.ok(await folder.changes(() => folder.write({ "src/a/b/x.txt": "2" })));
      });
    }

    it("treats --parents=False as not set", async () => {
      folder.dockerfile("FROM scratch", "COPY --parents=False src/*.ts /");
      assert.deepEqual(await folder.paths(), ["src/page.ts"]);
    });
  });
});
