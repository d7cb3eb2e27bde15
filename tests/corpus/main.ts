import os from "node:os";
import path from "node:path";
import { Command } from "commander";
import { Document, visit } from "yaml";
import { type Checked, check, eachOf, home } from "./check";
import { everythingTracked, findProjects, isFolder } from "./find-projects";
import { laidOut, readProjectFile } from "./project-file";
import { type Result, report, table } from "./report";

interface Options {
  git?: boolean;
  json?: boolean;
  show?: boolean;
}

/** How often progress is told, in milliseconds. */
const PROGRESS_MS = 2000;

new Command("corpus")
  .description("Tells what everfresh would make of compose projects, without a host.")
  .argument("<path...>", "folders with projects, or single compose files")
  .option("--git", "treat every existing file as tracked by git")
  .option("--json", "print the result as JSON")
  .option("--show", "print what becomes of projects of tests/corpus/projects, as their files have it")
  .action((paths: string[], { git, json, show }: Options) =>
    show ? showOutcomes(paths) : measure(paths, { git, json }),
  )
  .parseAsync()
  .catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 2;
  });

async function measure(paths: string[], { git, json }: Options): Promise<void> {
  const projects: (Checked & { name: string })[] = [];
  for (const given of paths) {
    const folder = (await isFolder(given)) ? given : path.dirname(given);
    const files = folder === given ? await findProjects(given) : [given];
    const root = path.resolve(folder);
    const inspect = git ? everythingTracked(root) : undefined;
    for (const file of files)
      projects.push({
        name: path.relative(path.dirname(root), path.resolve(file)),
        composeFiles: [file],
        root,
        inspect,
      });
  }
  let done = 0;
  const progress = setInterval(() => {
    const line = `… ${done} of ${projects.length}`;
    process.stderr.write(process.stderr.isTTY ? `\r${line}` : `${line}\n`);
  }, PROGRESS_MS);
  const results = await eachOf(projects, os.availableParallelism(), async (project): Promise<Result> => {
    const outcome = await check({ ...project, environment: { ...process.env, HOME: home } });
    done++;
    return { project: project.name, outcome };
  });
  clearInterval(progress);
  const found = report(results);
  console.log(json ? JSON.stringify({ ...found, results }, undefined, 2) : table(found));
  if (found.wrong.length > 0) process.exitCode = 1;
}

/** For whoever adds a project: read it, and keep it only if it is right. */
async function showOutcomes(files: string[]): Promise<void> {
  for (const file of files) {
    const outcome = await laidOut(await readProjectFile(file), check);
    const shown =
      outcome.kind === "accepted"
        ? { accepted: outcome.rendering }
        : "problems" in outcome
          ? { refused: outcome.problems }
          : outcome;
    console.log(`# ${file}\n${inYaml({ expect: shown })}`);
  }
}

/** What a reader may take for something else, and what nobody sees, is quoted. */
function inYaml(value: object): string {
  const document = new Document(value, { aliasDuplicateObjects: false, compat: "yaml-1.1" });
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === "string" && node.value.search(invisible) >= 0) node.type = "QUOTE_DOUBLE";
    },
  });
  return document
    .toString({ lineWidth: 0 })
    .replace(invisible, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const invisible = /[\u007f-\u00a0\u2028\u2029\ufeff]/g;
