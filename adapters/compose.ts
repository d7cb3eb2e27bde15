import { existsSync, readFileSync, statSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { type ComposeDocument, type ComposeText, hasLostBytes } from "../core/compose/document";
import { Problems, problem, refuse } from "../core/problems";
import { type ConfigCommand, runConfig, warningsIn } from "./compose-config";
import { createsHostPaths, resolveVariables } from "./compose-probe";
import { inTemporaryFolder } from "./temporary-folder";

export interface ComposeSource {
  composeFiles: string[];
  projectName?: string;
  envFile?: string;
}

const inJson = ["--format", "json"];

/**
 * Reads the compose files with `docker compose config`. Needs the Docker command line with compose v2, but no engine.
 *
 * @param surroundings - the environment in which it runs.
 * @throws Problems in compose's words if the files are missing or malformed.
 */
export async function readCompose(
  source: ComposeSource,
  surroundings: NodeJS.ProcessEnv = process.env,
): Promise<ComposeText> {
  const command = findFiles(source);
  const { composeFiles, folder } = command;
  // Compose is run in the project's folder.
  const { environment, refuseUsed } = textEnvironment({ ...surroundings, PWD: folder });
  const sources = composeFiles.map(readSmall).join("\n");
  const [resolved, exact, allProfiles, written] = await Promise.all([
    runConfig(command, environment),
    runConfig(command, environment, { args: inJson }),
    // Included and extended files may have profiles, too.
    /\b(profiles|include|extends)\b/.test(sources) ? readAllProfiles(command, environment) : noProfiles,
    readAsWritten(command, environment),
  ]);
  refuseUsed(exact.stdout);
  const { whole, warning } = allProfiles;
  const documents = [exact.stdout, ...(whole ? [whole.exact] : [])].map(
    (text) => JSON.parse(text) as ComposeDocument,
  );
  const used = documents.flatMap((document) => variablesUsed(document, surroundings));
  const resolveFile = async (file: string) =>
    (await runConfig(command, environment, { options: ["--file", file], args: inJson })).stdout;
  const [fromEnvFile, createHostPath] = await Promise.all([
    resolveVariables([...new Set(used)], resolveFile),
    createsHostPaths(documents, resolveFile),
  ]);
  return {
    resolved: resolved.stdout,
    exact: exact.stdout,
    createHostPath,
    ...written,
    ...(whole && { whole }),
    sources,
    warnings: [...warningsIn(resolved.stderr), ...(warning ? [warning] : [])],
    folder,
    environment: { ...surroundings, ...fromEnvFile },
    fromEnvFile,
  };
}

/**
 * A variable as compose would see it: the environment's, else the env file's.
 *
 * @returns its value and where it is set, for messages; undefined if it is not set.
 * @throws Problems if the env file cannot be read.
 */
export async function readVariable(
  name: string,
  source: ComposeSource,
  surroundings: NodeJS.ProcessEnv = process.env,
): Promise<{ value: string; where: string } | undefined> {
  const value = surroundings[name];
  if (value !== undefined) return { value, where: "environment" };
  if (source.composeFiles.length === 0) return undefined;
  const command = findFiles(source);
  if (command.envFile === undefined || !readSmall(command.envFile).includes(name)) return undefined;
  const environment = { ...surroundings, PWD: command.folder };
  const values = await resolveVariables([name], async (file) => {
    // Nothing of the project's own files counts.
    const alone = { ...command, composeFiles: [file] };
    return (await runConfig(alone, environment, { args: inJson })).stdout;
  });
  return values[name] === undefined ? undefined : { value: values[name], where: command.envFile };
}

/** @throws Problems for files that do not exist. */
function findFiles({ composeFiles, projectName, envFile }: ComposeSource): ConfigCommand {
  const files = composeFiles.map((file) => path.resolve(file));
  refuse(
    files
      .filter((file) => !existsSync(file))
      .map((file) => problem("everfresh:composeFile", `${file} does not exist`, "correct the path")),
  );
  const folder = path.dirname(files[0]!);
  const env = envFile ? path.resolve(envFile) : path.join(folder, ".env.deploy");
  const hasEnv = existsSync(env);
  if (envFile && !hasEnv)
    throw new Problems([problem("everfresh:envFile", `${env} does not exist`, "correct the path")]);
  return {
    composeFiles: files,
    folder,
    ...(projectName ? { projectName } : {}),
    ...(hasEnv ? { envFile: env } : {}),
  };
}

/** The document with its paths as written, and placeholders for this machine's home and the project's folder. */
function readAsWritten(
  command: ConfigCommand,
  environment: NodeJS.ProcessEnv,
): Promise<Pick<ComposeText, "written" | "marks">> {
  return inTemporaryFolder(async (temporary) => {
    const marks = { home: path.join(temporary, "home"), folder: path.join(temporary, "folder") };
    // Links, because compose reads files through these paths, such as those of `env_file`.
    await Promise.all([
      symlink(environment.HOME || homedir(), marks.home),
      symlink(command.folder, marks.folder),
    ]);
    const marked = { ...environment, HOME: marks.home, PWD: marks.folder };
    const args = ["--no-path-resolution", "--no-normalize", "--no-consistency"];
    return { written: (await runConfig(command, marked, { args })).stdout, marks };
  });
}

interface AllProfiles {
  whole?: NonNullable<ComposeText["whole"]>;
  /** Why there is none. */
  warning?: string;
}

const noProfiles: AllProfiles = {};

/**
 * The document with the services of all profiles. A service that is not deployed may lack files that compose reads, such as
 * its env file. In that case there is a warning instead.
 */
async function readAllProfiles(command: ConfigCommand, environment: NodeJS.ProcessEnv): Promise<AllProfiles> {
  const options = ["--profile", "*"];
  try {
    const [resolved, exact] = await Promise.all([
      runConfig(command, environment, { options }),
      runConfig(command, environment, { options, args: inJson }),
    ]);
    return { whole: { resolved: resolved.stdout, exact: exact.stdout } };
  } catch (error) {
    if (!(error instanceof Problems)) throw error;
    return {
      warning: `the services of inactive profiles cannot be read, so a build based on one of their images uses whatever this machine has under that name: ${error.message}`,
    };
  }
}

/** The variables that configs and secrets use and the environment lacks; the env file may set them. */
function variablesUsed(
  { configs = {}, secrets = {} }: ComposeDocument,
  surroundings: NodeJS.ProcessEnv,
): string[] {
  const names = [configs, secrets].flatMap((files) =>
    Object.values(files).flatMap(({ environment = [] }) => environment),
  );
  return names.filter((name) => surroundings[name] === undefined && /^[a-z_]\w*$/i.test(name));
}

/** The text of a file of ordinary size; empty for anything else. */
function readSmall(file: string): string {
  const stats = statSync(file);
  return stats.isFile() && stats.size <= 16 * 1024 * 1024 ? readFileSync(file, "utf8") : "";
}

/**
 * An environment for compose with a placeholder for the value of each variable that is not UTF-8. Its bytes were lost when
 * Node read it.
 */
function textEnvironment(all: NodeJS.ProcessEnv) {
  const broken = Object.keys(all).filter((name) => hasLostBytes(all[name] ?? ""));
  const mark = (name: string) => `[${name} is not UTF-8]`;
  return {
    environment: { ...all, ...Object.fromEntries(broken.map((name) => [name, mark(name)])) },
    /** @throws Problems for the variables whose placeholders compose printed. */
    refuseUsed(printed: string): void {
      const used = broken.filter((name) => printed.includes(mark(name)));
      refuse(
        used.map((name) =>
          problem(name, "the variable is not UTF-8", "give it a value in UTF-8, or in base64"),
        ),
      );
    },
  };
}
