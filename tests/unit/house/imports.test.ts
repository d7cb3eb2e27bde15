import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const checkout = path.join(__dirname, "../../..");

/** The table of CONTRIBUTING.md, row by row: what each folder may import, and what it may not. */
const table: Record<string, { file: string; may: string[]; mayNot: string[] }> = {
  core: {
    file: "core/release/a.ts",
    may: ["../records", "node:crypto", "valibot"],
    mayNot: [
      ...["@pulumi/pulumi", "node:fs", "node:child_process", "node:net", "node:http2", "ssh2"],
      ...[
        "../../adapters/git",
        "../../preflight",
        "../../components/images",
        "../../cli/main",
        "../../config",
      ],
    ],
  },
  "core/content": {
    file: "core/content/a.ts",
    may: ["node:fs", "../records"],
    mayNot: ["@pulumi/pulumi", "node:child_process", "node:https", "../../adapters/git", "../../preflight"],
  },
  adapters: {
    file: "adapters/a.ts",
    may: ["../core/images", "node:fs", "node:child_process"],
    mayNot: ["@pulumi/pulumi", "../preflight/bases", "../components/images", "../cli/main", "../config"],
  },
  preflight: {
    file: "preflight/a.ts",
    may: ["../adapters/git", "../core/images"],
    mayNot: ["@pulumi/pulumi", "../components/release", "../cli/main", "../config", "../index", "../lab/lab"],
  },
  components: {
    file: "components/a.ts",
    may: ["@pulumi/pulumi", "../adapters/git", "../core/images"],
    mayNot: ["../preflight", "../preflight/bases", "../cli/main", "../config", "../index", "../lab/lab"],
  },
  "config.ts": {
    file: "config.ts",
    may: ["@pulumi/pulumi", "./core/settings", "./adapters/stack-file"],
    mayNot: ["./preflight", "./components/images", "./cli/main", "./lab/lab", "./scripts/demo/main"],
  },
  "index.ts": {
    file: "index.ts",
    may: [
      "@pulumi/pulumi",
      "./core/urls",
      "./adapters/outside",
      "./preflight",
      "./components/images",
      "./config",
    ],
    mayNot: ["./cli/main", "./lab/lab", "./scripts/demo/main", "./tests/support/lab"],
  },
  cli: {
    file: "cli/verbs/a.ts",
    may: ["../../preflight/bases", "../../adapters/git", "../../core/images", "../../lab/pulumi/in-use"],
    mayNot: ["@pulumi/pulumi", "../../components/images", "../../config", "../../index", "../../lab/lab"],
  },
  lab: {
    file: "lab/a.ts",
    may: ["./docker", "./pulumi/in-use"],
    mayNot: [
      ...["@pulumi/pulumi", "../core/images", "../adapters/git", "../preflight", "../components/images"],
      ...["../cli/main", "../scripts/demo/main", "../tests/support/lab"],
    ],
  },
  "lab/pulumi": {
    file: "lab/pulumi/a.ts",
    may: ["@pulumi/pulumi", "../docker", "../../adapters/git"],
    mayNot: ["../../core/images", "../../preflight", "../../components/images", "../../cli/main"],
  },
  scripts: {
    file: "scripts/demo/a.ts",
    may: ["../../lab/lab"],
    mayNot: [
      ...["@pulumi/pulumi", "../../core/images", "../../adapters/git", "../../components/images"],
      "../../cli/main",
    ],
  },
};

/**
 * One file for each import, all linted at once by the project's rules.
 *
 * @returns the files that the linter refuses.
 */
function lintAll(
  files: { file: string; imported: string }[],
  rule = "style/noRestrictedImports",
): Set<string> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-imports-"));
  try {
    const { linter, overrides } = JSON.parse(readFileSync(path.join(checkout, "biome.json"), "utf8"));
    writeFileSync(path.join(folder, "biome.json"), JSON.stringify({ root: true, linter, overrides }));
    for (const { file, imported } of files) {
      mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
      writeFileSync(path.join(folder, file), `import "${imported}";\n`);
    }
    const { stdout } = spawnSync(
      path.join(checkout, "node_modules/.bin/biome"),
      ["lint", `--only=${rule}`, "--reporter=github", "--max-diagnostics=none", "."],
      { cwd: folder, encoding: "utf8" },
    );
    return new Set([...stdout.matchAll(/file=([^,]+),/g)].map(([, file]) => file!));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("the linter", function () {
  this.timeout(60_000);
  const cases = Object.entries(table).flatMap(([name, { file, may, mayNot }]) =>
    [...may, ...mayNot].map((imported, i) => ({
      name,
      imported,
      isAllowed: i < may.length,
      // Files at the top have one name only.
      file: file.includes("/") ? file.replace("a.ts", `a${i}.ts`) : file,
    })),
  );
  const folders = cases.filter(({ file }) => file.includes("/"));
  const atTheTop = cases.filter(({ file }) => !file.includes("/"));
  let refused: Set<string>;
  before(() => {
    refused = lintAll(folders);
  });

  for (const { name, file, imported, isAllowed } of folders)
    it(`${isAllowed ? "lets" : "does not let"} ${name} import ${imported}`, () =>
      assert.equal(refused.has(file), !isAllowed));
  for (const { name, file, imported, isAllowed } of atTheTop)
    it(`${isAllowed ? "lets" : "does not let"} ${name} import ${imported}`, () =>
      assert.equal(lintAll([{ file, imported }]).has(file), !isAllowed));

  it("does not let files import each other in a circle", () => {
    const circle = [
      { file: "core/a.ts", imported: "./b" },
      { file: "core/b.ts", imported: "./c" },
      { file: "core/c.ts", imported: "./a" },
      { file: "core/d.ts", imported: "./a" },
    ];
    const refused = lintAll(circle, "suspicious/noImportCycles");
    assert.deepEqual([...refused].sort(), ["core/a.ts", "core/b.ts", "core/c.ts"]);
  });
});
