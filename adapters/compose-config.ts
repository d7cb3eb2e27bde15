import path from "node:path";
import { Problems, problem } from "../core/problems";
import { type BoundedResult, runBounded } from "./bounded";

/** Reading a compose file takes less than a second. Beyond these limits it would probably never end. */
const bounds = { seconds: 30, memory: 1024, output: 64 };

/** The project that `docker compose config` is run for. */
export interface ConfigCommand {
  /** Absolute. */
  composeFiles: readonly string[];
  projectName?: string;
  /** Absolute; must exist. */
  envFile?: string;
  /** The project's folder. */
  folder: string;
}

/**
 * Runs `docker compose config`.
 *
 * @param environment - with the project's folder, or a placeholder for it, as `PWD`.
 * @param options - options of `docker compose`, such as `--profile`.
 * @param args - arguments of `config`.
 * @throws Problems in compose's words if it refuses, and in our own if it exceeds a limit.
 */
export async function runConfig(
  { composeFiles, projectName, envFile, folder }: ConfigCommand,
  environment: NodeJS.ProcessEnv,
  { options = [], args = [] }: { options?: readonly string[]; args?: readonly string[] } = {},
): Promise<BoundedResult> {
  const result = await runBounded(
    [
      // Set by env, because the shell in between overwrites `PWD`.
      "/usr/bin/env",
      `PWD=${environment.PWD}`,
      ...["docker", "compose"],
      ...composeFiles.flatMap((file) => ["--file", file]),
      ...(projectName ? ["--project-name", projectName] : []),
      ...(envFile ? ["--env-file", envFile] : []),
      ...options,
      "config",
      ...args,
    ],
    bounds,
    { cwd: folder, env: environment },
  );
  if (result.end === "exited" && result.status === 0) return result;
  throw new Problems([failure(result, composeFiles)]);
}

/** Compose's own warnings, each once. Without a terminal, compose logs in logrus format. */
export function warningsIn(stderr: string): string[] {
  const messages = stderr
    .split("\n")
    .flatMap((line) => /\blevel=warning msg=(?:"((?:[^"\\]|\\.)*)"|(\S+))/.exec(line)?.slice(1) ?? [])
    .filter((message) => message !== undefined);
  return [...new Set(messages.map((message) => message.replace(/\\(.)/g, "$1")))];
}

function failure({ end, stderr }: BoundedResult, files: readonly string[]): string {
  const where = files.join(", ");
  const tooMuch = "shorten what aliases or `extends` repeat in it";
  switch (end) {
    case "missing":
      return problem("docker", "is not installed here", "run `npm run setup`");
    case "late":
      return problem(
        where,
        `docker compose config did not finish within ${bounds.seconds} s`,
        "look for a pipe among the files that it reads, or for aliases that multiply",
      );
    case "talkative":
      return problem(where, `docker compose config prints more than ${bounds.output} MiB`, tooMuch);
    case "greedy":
      return problem(where, `docker compose config needs more than ${bounds.memory} MiB of memory`, tooMuch);
    case "exited":
      return refusal(stderr, where, path.dirname(files[0]!));
  }
}

/** The problem for what compose printed when it refused the files. */
function refusal(stderr: string, where: string, folder: string): string {
  const lines = stderr.split("\n").filter((line) => line !== "" && !line.includes("level=warning"));
  // Some values crash compose itself; the other lines are then a stack trace.
  const message = lines.find((line) => line.startsWith("panic: ")) ?? lines.join(" ");
  if (/is not a docker command|unknown (shorthand )?flag/.test(message))
    return problem("docker compose", "version 2 is not installed here", "run `npm run setup`");
  const envFile = /\benv file (.+?) not found: /.exec(message)?.[1];
  if (envFile !== undefined)
    return problem(
      where,
      // Whether the path is absolute depends on which of the calls fails first.
      `its env file ${path.relative(folder, path.resolve(folder, envFile))} does not exist`,
      "create it, or set `required: false` for it",
    );
  const variable = /\brequired variable (\S+) is missing a value(: .*)?/.exec(message);
  if (variable)
    return problem(
      where,
      `the variable ${variable[1]} is not set${variable[2] ?? ""}`,
      "set it where `pulumi up` runs, or in the env file",
    );
  return problem(
    where,
    withoutValues(message),
    "correct the compose file (`docker compose config` shows the same)",
  );
}

/** Compose's message without the values that it quotes, because they may be secrets, especially those of an env file. */
function withoutValues(message: string): string {
  return message
    .replace(
      /(invalid interpolation format for \S+?)\.? You may need to .*/,
      "$1 (a dollar sign is written `$$$$`)",
    )
    .replace(/(failed to read [^:]*(?:: line \d+)?): .*/, "$1: cannot be read as variables")
    .replace(
      /(line \d+: )(?:unexpected character|unterminated quoted value) .*/,
      "$1cannot be read as variables",
    )
    .replace(/(invalid template:?) .*/i, "$1")
    .replace(/parsing ".*": /, "a value: ");
}
