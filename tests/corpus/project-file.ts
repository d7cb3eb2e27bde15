import { execFile } from "node:child_process";
import { mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import * as v from "valibot";
import { parse } from "yaml";
import { type Checked, writeFiles } from "./check";

const run = promisify(execFile);

const text = v.string();
const texts = v.record(text, text);

/** A project of the corpus, as its file says it: see tests/corpus/README.md. */
const schema = v.strictObject({
  files: texts,
  untracked: v.optional(texts, {}),
  git: v.optional(v.boolean(), true),
  environment: v.optional(texts, {}),
  composeFiles: v.optional(v.array(text)),
  envFile: v.optional(text),
  /** The first version of docker compose that knows what the project uses. */
  since: v.optional(text),
  expect: v.union([
    v.strictObject({ accepted: v.record(text, v.unknown()) }),
    v.strictObject({ refused: v.array(text) }),
  ]),
});

export type ProjectFile = v.InferOutput<typeof schema> & { name: string };

export async function readProjectFile(file: string): Promise<ProjectFile> {
  const found = v.safeParse(schema, parse(await readFile(file, "utf8")));
  if (found.success) return { name: path.basename(file, ".yaml"), ...found.output };
  const [issue] = found.issues;
  throw new Error(`${file}: ${v.getDotPath(issue)}: ${issue.message}`);
}

/** Lays a project out in a folder of its own while `use` looks at it. */
export async function laidOut<T>(project: ProjectFile, use: (checked: Checked) => Promise<T>): Promise<T> {
  const { name, files, untracked, environment, envFile, git } = project;
  const root = await realpath(await mkdtemp(path.join(os.tmpdir(), "everfresh-corpus-")));
  try {
    const folder = path.join(root, name);
    await writeFiles(folder, { "./": "", ...files });
    if (git) {
      // Of the folder around it: what lies beside the project is in the same working tree.
      await run("git", ["-C", root, "init", "--quiet"]);
      await run("git", ["-C", root, "add", "--all"]);
    }
    await writeFiles(folder, untracked);
    const composeFiles = project.composeFiles ?? [Object.keys(files)[0]!];
    return await use({
      composeFiles: composeFiles.map((file) => path.join(folder, file)),
      ...(envFile ? { envFile: path.join(folder, envFile) } : {}),
      ...{ environment, root },
    });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
