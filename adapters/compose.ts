import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import {
  bindMounts,
  type ComposeDocument,
  type ComposeText,
  hasLostBytes,
  type ServiceNode,
  undoubled,
} from "../core/compose/document";
import { Problems, problem, refuse } from "../core/problems";
import { type BoundedResult, runBounded } from "./bounded";

export interface ComposeSource {
  composeFiles: string[];
  projectName?: string;
  envFile?: string;
}

/** A compose file is read within a second; one that takes so much never ends, or never should. */
const bounds = { seconds: 30, memory: 1024, output: 64 };

/**
 * Lets `docker compose config` read the compose files. Needs the Docker command line with compose v2, not an engine.
 *
 * @param surroundings - the environment in which it runs.
 * @throws Problems in compose's own words when the files are missing or malformed.
 */
export async function readCompose(
  { composeFiles, projectName, envFile }: ComposeSource,
  surroundings: NodeJS.ProcessEnv = process.env,
): Promise<ComposeText> {
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
  ];
  // compose itself is called in the project's folder.
  const { environment, refuseUsed } = textEnvironment({ ...surroundings, PWD: folder });
  const config = async (more: string[] = [], env = environment, options: string[] = []) => {
    // A shell on the way would set `PWD` itself.
    const command = [
      "/usr/bin/env",
      `PWD=${env.PWD}`,
      "docker",
      ...args,
      ...options,
      "config",
      ...more,
    ] as const;
    const result = await runBounded(command, bounds, { cwd: folder, env });
    if (result.end !== "exited" || result.status !== 0) throw new Problems([explain(result, files)]);
    return result;
  };
  const sources = files.map(readSmall).join("\n");
  const asWritten = ["--no-path-resolution", "--no-normalize", "--no-consistency"];
  const readWritten = () =>
    inTemporaryFolder(async (temporary) => {
      const marks = { home: path.join(temporary, "home"), folder: path.join(temporary, "folder") };
      // compose finds what it reads there by then, such as the files of `env_file`.
      await Promise.all([symlink(environment.HOME || homedir(), marks.home), symlink(folder, marks.folder)]);
      const marked = { ...environment, HOME: marks.home, PWD: marks.folder };
      return { written: (await config(asWritten, marked)).stdout, marks };
    });
  const everything = ["--profile", "*"];
  const readWhole = async () => {
    const [resolved, exact] = await Promise.all([
      config([], environment, everything),
      config(["--format", "json"], environment, everything),
    ]);
    return { resolved: resolved.stdout, exact: exact.stdout };
  };
  const [resolved, exact, whole, written] = await Promise.all([
    config(),
    config(["--format", "json"]),
    // Included and extended files may have profiles as well.
    /\b(profiles|include|extends)\b/.test(sources)
      ? readWhole().catch((error: unknown) => inactiveUnread(error))
      : undefined,
    readWritten(),
  ]);
  refuseUsed(exact.stdout);
  const documents = [exact.stdout, ...(whole !== undefined && "exact" in whole ? [whole.exact] : [])].map(
    (text) => JSON.parse(text) as ComposeDocument,
  );
  const read = (file: string) => config(["--format", "json"], environment, ["--file", file]);
  const used = documents.flatMap((document) => variablesUsed(document, surroundings));
  const [values, createHostPath] = await Promise.all([
    variables([...new Set(used)], read),
    createsHostPaths(documents, read),
  ]);
  return {
    resolved: resolved.stdout,
    exact: exact.stdout,
    createHostPath,
    ...written,
    ...(whole !== undefined && "exact" in whole && { whole }),
    sources,
    warnings: [
      ...warningsIn(resolved.stderr),
      ...(whole !== undefined && "warning" in whole ? [whole.warning] : []),
    ],
    folder,
    environment: { ...surroundings, ...values },
    fromEnvFile: values,
  };
}

/** A service that is not deployed may lack what compose wants to read of it, such as its env file. */
function inactiveUnread(error: unknown): { warning: string } {
  if (!(error instanceof Problems)) throw error;
  return {
    warning: `the services of inactive profiles cannot be read, so a build that begins with an image of theirs takes what this machine has under its name: ${error.message}`,
  };
}

/** The variables that configs and secrets are made from, and that are not in the environment: they may be in the env file. */
function variablesUsed(
  { configs = {}, secrets = {} }: ComposeDocument,
  surroundings: NodeJS.ProcessEnv,
): string[] {
  const names = [configs, secrets].flatMap((files) =>
    Object.values(files).flatMap(({ environment = [] }) => environment),
  );
  return [...new Set(names)].filter((name) => surroundings[name] === undefined && /^[a-z_]\w*$/i.test(name));
}

/** Values of variables as compose knows them: it is asked for a service that has them in its environment. */
async function variables(names: readonly string[], read: ReadFile): Promise<Record<string, string>> {
  if (names.length === 0) return {};
  const unset = `everfresh-${randomUUID()}`;
  // One that is set nowhere stays away.
  const asked = names.map((name) => [name, `\${${name}-${unset}}`]);
  const { environment } = await resolve({ environment: Object.fromEntries(asked) }, read);
  const found = Object.entries(environment as Record<string, string>);
  return Object.fromEntries(
    found.filter(([, value]) => value !== unset).map(([name, value]) => [name, undoubled(value)]),
  );
}

/** What it means that a bind mount has no `create_host_path`, which a mount tells that is known to have it. */
async function createsHostPaths(documents: readonly ComposeDocument[], read: ReadFile): Promise<boolean> {
  const mounts = documents.flatMap(bindMounts);
  if (mounts.length === 0) return false;
  const [said] = mounts.flatMap(({ bind }) => bind?.create_host_path ?? []);
  if (said !== undefined) return said === false;
  const { volumes } = await resolve({ volumes: ["/everfresh:/everfresh"] }, read);
  return volumes![0]!.bind?.create_host_path !== true;
}

type ReadFile = (file: string) => Promise<BoundedResult>;

/** A service of no project as compose resolves it. */
async function resolve(service: object, read: ReadFile): Promise<ServiceNode> {
  const name = `everfresh-${randomUUID()}`;
  return inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "compose.yaml");
    await writeFile(file, JSON.stringify({ services: { [name]: { image: "none", ...service } } }));
    const { services } = JSON.parse((await read(file)).stdout) as ComposeDocument;
    return services[name]!;
  });
}

async function inTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), "everfresh-compose-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The text of a file of an ordinary size; nothing of one that is none, which compose has read. */
function readSmall(file: string): string {
  const stats = statSync(file);
  return stats.isFile() && stats.size <= 16 * 1024 * 1024 ? readFileSync(file, "utf8") : "";
}

/** What compose warns of, each once, in its own words; it logs them as logrus does where there is no terminal. */
function warningsIn(stderr: string): string[] {
  const messages = stderr
    .split("\n")
    .flatMap((line) => /\blevel=warning msg=(?:"((?:[^"\\]|\\.)*)"|(\S+))/.exec(line)?.slice(1) ?? [])
    .filter((message) => message !== undefined);
  return [...new Set(messages.map((message) => message.replace(/\\(.)/g, "$1")))];
}

/**
 * An environment for compose in which a variable that is not UTF-8, and has lost bytes on its way here, has a mark for a
 * value.
 */
function textEnvironment(all: NodeJS.ProcessEnv) {
  const broken = Object.keys(all).filter((name) => hasLostBytes(all[name] ?? ""));
  const mark = (name: string) => `[${name} is not UTF-8]`;
  return {
    environment: { ...all, ...Object.fromEntries(broken.map((name) => [name, mark(name)])) },
    /** @throws Problems for those that what compose printed has a value of. */
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

function explain({ end, stderr }: BoundedResult, files: string[]): string {
  const where = files.join(", ");
  if (end === "missing") return problem("docker", "is not installed here", "run `npm run setup`");
  if (end === "late") {
    const what = `docker compose config did not end in ${bounds.seconds} s`;
    return problem(
      where,
      what,
      "look for a pipe among the files that it reads, or for aliases that multiply",
    );
  }
  const tooMuch = "shorten what is repeated in it by aliases or `extends`";
  if (end === "talkative") {
    return problem(where, `docker compose config prints more than ${bounds.output} MiB`, tooMuch);
  }
  if (end === "greedy") {
    return problem(where, `docker compose config needs more than ${bounds.memory} MiB of memory`, tooMuch);
  }
  const lines = stderr.split("\n").filter((line) => line !== "" && !line.includes("level=warning"));
  // Some values make compose itself crash; the rest is then a stack trace.
  const said = lines.find((line) => line.startsWith("panic: ")) ?? lines.join(" ");
  if (/is not a docker command|unknown (shorthand )?flag/.test(said)) {
    return problem("docker compose", "version 2 is not installed here", "run `npm run setup`");
  }
  const envFile = /\benv file (.+?) not found: /.exec(said)?.[1];
  if (envFile !== undefined)
    return problem(
      where,
      // Whether it is absolute hangs on which of the calls fails first.
      `its env file ${path.relative(path.dirname(files[0]!), path.resolve(path.dirname(files[0]!), envFile))} does not exist`,
      "create it, or say `required: false` of it",
    );
  const variable = /\brequired variable (\S+) is missing a value(: .*)?/.exec(said);
  if (variable !== null)
    return problem(
      where,
      `the variable ${variable[1]} is not set${variable[2] ?? ""}`,
      "set it where `pulumi up` runs, or in the env file",
    );
  return problem(
    where,
    withoutValues(said),
    "correct the compose file (`docker compose config` shows the same)",
  );
}

/** What compose says, without the values that it quotes: there may be secrets among them, those of an env file above all. */
function withoutValues(said: string): string {
  return said
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
