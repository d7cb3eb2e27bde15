import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import * as v from "valibot";
import { isHub } from "../core/image-reference";
import { excerpt } from "../core/printable";
import { Problems, problem } from "../core/problems";
import { own } from "../core/records";
import { runBounded } from "./bounded";

/** A login for a registry, as Docker knows it: a user's, or an identity token, which a token server exchanges for others. */
export type RegistryLogin = { username: string; password: string } | { identityToken: string };

/** Docker Hub's name in docker's configuration (docker/cli, cli/config/configfile, `authConfigKey`). */
const HUB = "https://index.docker.io/v1/";
/** A helper may have to fetch a token, or to wait for somebody. Seconds. */
const PATIENCE = 10;
/** What a helper prints if it knows no login (docker-credential-helpers, credentials/error.go). */
const NOT_FOUND = "credentials not found in native keychain";

const text = v.nullish(v.string());

/** What counts of docker's configuration. */
const DockerConfig = v.object({
  auths: v.nullish(
    v.record(
      v.string(),
      v.nullable(v.object({ auth: text, username: text, password: text, identitytoken: text })),
    ),
  ),
  credHelpers: v.nullish(v.record(v.string(), v.string())),
  credsStore: text,
});
type DockerConfig = v.InferOutput<typeof DockerConfig>;

const HelperAnswer = v.object({ Username: text, Secret: text });

/** By configuration file and registry. */
const asked = new Map<string, Promise<RegistryLogin | undefined>>();

/**
 * Docker's own login for a registry: from a credential helper, else from docker's configuration file. Each registry's helper
 * is run once, because it may be slow or ask somebody. So a login is as old as this process at most.
 *
 * @param registry - `host:port`; `docker.io` for Docker Hub.
 * @returns undefined if docker has none.
 * @throws Problems that quote neither the file nor the helper.
 */
export function dockerLogin(registry: string): Promise<RegistryLogin | undefined> {
  const key = `${fileOf(process.env)}\n${registry}`;
  const login = asked.get(key) ?? readDockerLogin(registry);
  asked.set(key, login);
  login.catch(() => {}); // reported by whoever awaits it
  return login;
}

/**
 * The same, asked again. The rules are those of docker/cli (cli/config/configfile and cli/config/credentials).
 *
 * @param patience - for a helper, in seconds.
 */
export async function readDockerLogin(
  registry: string,
  env: NodeJS.ProcessEnv = process.env,
  patience = PATIENCE,
): Promise<RegistryLogin | undefined> {
  return loginIn(await readConfig(env), registry, fileOf(env), env, patience);
}

/**
 * The login for a registry in a configuration of docker.
 *
 * @param file - where the configuration comes from, for messages.
 */
export async function loginIn(
  configuration: string,
  registry: string,
  file: string,
  env: NodeJS.ProcessEnv = process.env,
  patience = PATIENCE,
): Promise<RegistryLogin | undefined> {
  const config = parseConfig(configuration, file);
  const server = serverOf(registry);
  const helper = helperOf(config, server);
  const source = { server, registry, file };
  return helper === "" ? fromFile(config, source) : fromHelper(helper, source, env, patience);
}

/** The helper that docker asks for a registry's login, the `pass` of `docker-credential-pass`; undefined if it asks none. */
export async function credentialHelper(
  registry: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  return helperOf(parseConfig(await readConfig(env), fileOf(env)), serverOf(registry)) || undefined;
}

interface Source {
  /** docker's name for the registry. */
  server: string;
  registry: string;
  /** The configuration file. */
  file: string;
}

/** The name under which docker keeps a registry's login. */
const serverOf = (registry: string) => (isHub(registry) ? HUB : registry);

/** An empty name for a registry means that no helper is asked for it. */
const helperOf = ({ credHelpers, credsStore }: DockerConfig, server: string): string =>
  own(credHelpers ?? {}, server) ?? credsStore ?? "";

const fileOf = (env: NodeJS.ProcessEnv) =>
  path.join(env.DOCKER_CONFIG || path.join(env.HOME || homedir(), ".docker"), "config.json");

async function readConfig(env: NodeJS.ProcessEnv): Promise<string> {
  const file = fileOf(env);
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return "{}";
    throw new Problems([
      problem(file, `docker's configuration cannot be read (${code})`, "make it a file that you can read"),
    ]);
  }
}

function parseConfig(text: string, file: string): DockerConfig {
  let config: unknown;
  try {
    config = text.trim() === "" ? {} : JSON.parse(text);
  } catch {} // its message would quote the file
  const result = v.safeParse(DockerConfig, config);
  if (result.success && !Array.isArray(config)) return result.output;
  throw new Problems([
    problem(
      file,
      "is not a configuration of docker",
      "correct it, or move it away and run `docker login` again",
    ),
  ]);
}

function fromFile({ auths }: DockerConfig, { server, registry, file }: Source): RegistryLogin | undefined {
  const known = auths ?? {};
  // Older versions of docker wrote `https://registry.example.com/v1/`.
  const key = Object.hasOwn(known, server)
    ? server
    : Object.keys(known).find((name) => hostOf(name) === server);
  const entry = key === undefined ? undefined : known[key];
  if (entry?.identitytoken) return { identityToken: entry.identitytoken };
  if (!entry?.auth)
    return entry?.username ? { username: entry.username, password: entry.password ?? "" } : undefined;
  const login = /^[A-Za-z0-9+/]+={0,2}$/.test(entry.auth) ? Buffer.from(entry.auth, "base64").toString() : "";
  const colon = login.indexOf(":");
  if (colon > 0)
    return { username: login.slice(0, colon), password: login.slice(colon + 1).replace(/^\0+|\0+$/g, "") };
  throw new Problems([
    problem(file, `the login for ${registry} is damaged`, `run \`docker login ${registry}\` again`),
  ]);
}

/** The host in a name of docker's configuration (docker/cli, `ConvertToHostname`). */
const hostOf = (name: string) => name.replace(/^https?:\/\//, "").replace(/\/.*/s, "");

async function fromHelper(
  helper: string,
  { server, registry, file }: Source,
  env: NodeJS.ProcessEnv,
  patience: number,
): Promise<RegistryLogin | undefined> {
  if (!/^\w[\w.+-]*$/.test(helper)) {
    const what = `\`${excerpt(helper)}\` is not the name of a credential helper`;
    throw new Problems([problem(file, what, "name one without its `docker-credential-`")]);
  }
  const program = `docker-credential-${helper}`;
  const refuse = (what: string, todo: string) =>
    new Problems([problem(registry, `${program}, which docker's configuration names, ${what}`, todo)]);
  const trial = `see what \`echo ${server} | ${program} get\` does`;
  const { end, status, stdout } = await runBounded(
    // A bounded command reads nothing. The server's address may be seen by others, unlike the answer.
    ["/bin/sh", "-c", 'printf %s "$1" | "$2" get', "sh", server, program],
    { seconds: patience, memory: 2048, output: 1 },
    { env },
  );
  if (end === "missing") throw refuse("is not installed", `install it, or remove it from ${file}`);
  if (end === "late") throw refuse(`does not answer within ${patience} seconds`, trial);
  if (stdout.trim() === NOT_FOUND) return undefined;
  if (end !== "exited" || status !== 0)
    throw refuse(`fails${end === "exited" ? ` (status ${status})` : ""}`, trial);
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch {} // its message would quote the secret
  const result = v.safeParse(HelperAnswer, answer);
  if (!result.success) throw refuse("does not answer as a credential helper does", trial);
  const { Username: username, Secret: secret } = result.output;
  if (!username || !secret) return undefined;
  return username === "<token>" ? { identityToken: secret } : { username, password: secret };
}
