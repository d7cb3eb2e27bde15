import assert from "node:assert/strict";
import { renderExplanation } from "../../../cli/explain";
import type { ContentIdentity, ContextSurvey } from "../../../core/content";

describe("renderExplanation", () => {
  const identity: ContentIdentity = {
    content: "e".repeat(64),
    wholeContext: false,
    reasons: [],
    files: [],
    inputs: { args: { A: "1" }, labels: {}, platforms: [], fresh: undefined },
    ignoreFiles: [{ path: ".dockerignore", sha256: "" }],
  };
  const main: ContextSurvey = {
    counted: { path: "./", files: 2, bytes: 30 },
    heaviest: [{ path: "src/", files: 2, bytes: 30 }],
    unseen: [
      { path: "node_modules/", files: 2, bytes: 1001, why: 'ignored by "node_modules" in .dockerignore' },
      { path: "README.md", files: 1, bytes: 7, why: "no instruction reads it" },
    ],
  };
  const assets: ContextSurvey = {
    name: "assets",
    counted: { path: "./", files: 1, bytes: 2_500_000 },
    heaviest: [{ path: "logo.png", files: 1, bytes: 2_500_000 }],
    unseen: [{ path: "notes.md", files: 1, bytes: 12, why: 'ignored by "*.md" in .dockerignore' }],
  };
  const rendered = (contexts: ContextSurvey[], more: Partial<ContentIdentity> = {}) =>
    renderExplanation(
      { service: "web", identity: { ...identity, ...more }, contexts, since: "1 file (src/a.js)" },
      (_, text) => text,
    );
  const section = (lines: string[], heading: string) => {
    const after = lines.slice(lines.indexOf(heading) + 1);
    return after.slice(0, after.includes("") ? after.indexOf("") : undefined);
  };

  it("says what counts, what is heavy, and what the build does not see and why", () => {
    assert.deepEqual(rendered([main]), [
      `web: content ${"e".repeat(64)}`,
      "",
      "since the stack's last build: 1 file (src/a.js)",
      "",
      "what counts",
      "  2 files of the context, 30 B (only what the Dockerfile reads)",
      "  without what .dockerignore ignores",
      '  args  {"A":"1"}',
      "",
      "what makes it large",
      "  src/  30 B  2 files",
      "",
      "what the build does not see",
      '  node_modules/  1.0 kB  2 files  ignored by "node_modules" in .dockerignore',
      "  README.md      7 B              no instruction reads it",
    ]);
  });

  it("names the context of each entry in a named context, and sorts all contexts together", () => {
    const lines = rendered([main, assets]);
    assert.deepEqual(section(lines, "what counts").slice(0, 2), [
      "  2 files of the context, 30 B (only what the Dockerfile reads)",
      "  1 file of the context assets, 2.5 MB",
    ]);
    assert.deepEqual(section(lines, "what makes it large"), [
      "  assets: logo.png  2.5 MB",
      "  src/              30 B    2 files",
    ]);
    assert.deepEqual(section(lines, "what the build does not see"), [
      '  node_modules/     1.0 kB  2 files  ignored by "node_modules" in .dockerignore',
      '  assets: notes.md  12 B             ignored by "*.md" in .dockerignore',
      "  README.md         7 B              no instruction reads it",
    ]);
  });

  it("says why the whole context counts", () => {
    const reasons = ["COPY . /app (line 2) reads all of it"];
    assert.deepEqual(section(rendered([main], { wholeContext: true, reasons }), "what counts").slice(0, 2), [
      "  2 files of the context, 30 B",
      "  the whole context: COPY . /app (line 2) reads all of it",
    ]);
  });

  it("shows the heaviest entries of a long list, and how many more there are", () => {
    const unseen = Array.from({ length: 11 }, (_, i) => ({ path: `f${i}`, files: 1, bytes: i, why: "x" }));
    const lines = section(rendered([{ ...main, unseen }]), "what the build does not see");
    assert.equal(lines[0], "  f10  10 B    x");
    assert.equal(lines.length, 9);
    assert.equal(lines.at(-1), "  and 3 more");
  });

  it("says `nothing` if there is nothing to list", () => {
    const lines = rendered([{ ...main, heaviest: [], unseen: [] }]);
    assert.deepEqual(section(lines, "what makes it large"), ["  nothing"]);
    assert.deepEqual(section(lines, "what the build does not see"), ["  nothing"]);
  });

  it("escapes terminal control characters in names of files and rules", () => {
    const unseen = [
      { path: "a\u001b[2J", files: 1, bytes: 1, why: 'ignored by "\u001b[2J" in .dockerignore' },
    ];
    assert.ok(
      !rendered([{ ...main, unseen }])
        .join("\n")
        .includes("\u001b"),
    );
  });
});
