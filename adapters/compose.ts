import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { ComposeText } from "../core/compose/document";
import { Problems, problem } from "../core/problems";

const run = promisify(execFile);

export interface ComposeSource {
  composeFiles: string[];
  projectName?: string;
  envFile?: string;
}

/**
 * Where compose's YAML may not say what was meant: its printer loses the first line break of a text that begins with
 * one (go-yaml v3, a block scalar with an indentation indicator), and puts Unicode's line ends out bare.
 */
const inexact = /[|>]\d|[\u0085\u2028\u2029]/;

/**
 * Lets `docker compose config` read the compose files. Needs the Docker command line with compose v2, not an engine.
 *
 * @throws Problems in compose's own words when the files are missing or malformed.
 */
export async function readCompose({
  composeFiles,
  projectName,
  envFile,
}: ComposeSource): Promise<ComposeText> {
  const files = composeFiles.map((file) => path.resolve(file));
  const missing = files.filter((file) => !existsSync(file));
  if (missing.length > 0) {
    throw new Problems(
      missing.map((file) => problem("everfresh:composeFile", `${file} does not exist`, "correct the path")),
    );
  }
  const folder = path.dirname(files[0]!);
  const env = envFile ? path.resolve(envFile) : path.join(folder, ".env.deploy");
  if (envFile && !existsSync(env)) {
    throw new Problems([problem("everfresh:envFile", `${env} does not exist`, "correct the path")]);
  }
  const args = [
    "compose",
    ...files.flatMap((file) => ["--file", file]),
    ...(projectName ? ["--project-name", projectName] : []),
    ...(existsSync(env) ? ["--env-file", env] : []),
    "config",
  ];
  const config = async (...more: string[]) =>
    (await run("docker", [...args, ...more], { cwd: folder, maxBuffer: 64 * 1024 * 1024 })).stdout;
  try {
    const [resolved, written] = await Promise.all([
      config(),
      config("--no-path-resolution", "--no-interpolate", "--no-normalize", "--no-consistency"),
    ]);
    const exact = inexact.test(resolved) ? await config("--format", "json") : undefined;
    return { resolved, exact, written, folder, environment: process.env };
  } catch (error) {
    throw new Problems([explain(error as NodeJS.ErrnoException & { stderr?: string }, files)]);
  }
}

function explain(error: NodeJS.ErrnoException & { stderr?: string }, files: string[]): string {
  if (error.code === "ENOENT") return problem("docker", "is not installed here", "run `npm run setup`");
  const lines = (error.stderr ?? String(error))
    .split("\n")
    .filter((line) => line !== "" && !line.includes("level=warning"));
  // Some values make compose itself crash; the rest is then a stack trace.
  const said = lines.find((line) => line.startsWith("panic: ")) ?? lines.join(" ");
  if (/is not a docker command|unknown (shorthand )?flag/.test(said)) {
    return problem("docker compose", "version 2 is not installed here", "run `npm run setup`");
  }
  return problem(files.join(", "), said, "correct the compose file (`docker compose config` shows the same)");
}
