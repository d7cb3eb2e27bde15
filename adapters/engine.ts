import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import * as v from "valibot";
import { parseReference } from "../core/image-reference";
import { excerpt } from "../core/printable";
import type { RegistryAuth } from "./registry-session";
import { repeated } from "./repeated";

const run = promisify(execFile);
const ImageConfig = v.nullable(v.object({ OnBuild: v.nullish(v.array(v.string())) }));
/** What docker prints about an answer with such a status; the second is the containerd image store's form. */
const REGISTRY_FAILS = /HTTP status: 5\d\d|unexpected status[^\n]*: 5\d\d/;
/** After this long, the engine continues to remove its cache in the background. Milliseconds. */
const PATIENCE_MS = 30_000;

/** The ONBUILD instructions of an image in this machine's engine; undefined if the engine does not have the image. */
export async function localOnBuild(image: string): Promise<string[] | undefined> {
  try {
    const { stdout } = await run("docker", ["image", "inspect", "--format", "{{json .Config}}", "--", image]);
    return v.parse(ImageConfig, JSON.parse(stdout))?.OnBuild ?? [];
  } catch {
    return undefined;
  }
}

/**
 * Pulls an image into this machine's engine.
 *
 * @param options.auth credentials for its registry. Default: docker's own.
 * @throws Error with docker's message.
 */
export async function pullImage(
  image: string,
  { auth, platform }: { auth?: RegistryAuth | undefined; platform?: string | undefined } = {},
): Promise<void> {
  const config = auth && (await configWith(parseReference(image).registry, auth));
  const env = { ...process.env, ...(config !== undefined && { DOCKER_CONFIG: config }) };
  const args = ["pull", "--quiet", ...(platform === undefined ? [] : ["--platform", platform]), "--", image];
  const attempt = () =>
    run("docker", args, { env }).then(
      () => undefined,
      (error: { stderr?: string }) => String(error.stderr ?? error),
    );
  try {
    const problem = await repeated(attempt, (output) => output !== undefined && REGISTRY_FAILS.test(output));
    if (problem === undefined) return;
    const lastLine = problem.trim().split("\n").at(-1)!;
    throw new Error(excerpt(lastLine.replace(/^Error response from daemon: /, "")));
  } finally {
    if (config !== undefined) await rm(config, { recursive: true });
  }
}

/** A folder with docker's own settings plus this login, readable only by its owner, as `mkdtemp` creates it. */
async function configWith(registry: string, { username, password }: RegistryAuth): Promise<string> {
  const own = process.env.DOCKER_CONFIG || path.join(homedir(), ".docker");
  const folder = await mkdtemp(path.join(tmpdir(), "everfresh-docker-"));
  for (const name of await readdir(own).catch(() => []))
    if (name !== "config.json") await symlink(path.join(own, name), path.join(folder, name));
  const config = await readFile(path.join(own, "config.json"), "utf8")
    .then((text) => v.parse(DockerConfig, JSON.parse(text)))
    .catch(() => ({}) as v.InferOutput<typeof DockerConfig>);
  const key = registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
  const auth = Buffer.from(`${username}:${password}`).toString("base64");
  const settings = {
    ...config,
    auths: { ...config.auths, [key]: { auth } },
    // Otherwise docker would ask the credential helper for all registries.
    credHelpers: { ...config.credHelpers, [key]: "" },
  };
  await writeFile(path.join(folder, "config.json"), JSON.stringify(settings), { mode: 0o600 });
  return folder;
}

const DockerConfig = v.looseObject({
  auths: v.optional(v.record(v.string(), v.unknown())),
  credHelpers: v.optional(v.record(v.string(), v.string())),
});

/**
 * Removes build cache of this machine's engine that no build has used for a number of hours.
 *
 * @param kind BuildKit's name for the kind of cache, such as `source.local` for contexts. Default: all.
 * @returns the amount that was removed, as docker prints it: `1.2GB`; undefined if nothing was.
 */
export async function pruneBuildCache(unusedHours: number, kind?: string): Promise<string | undefined> {
  const filters = [`until=${unusedHours}h`, ...(kind === undefined ? [] : [`type=${kind}`])];
  const { stdout } = await run(
    "docker",
    ["builder", "prune", "--force", ...filters.map((filter) => `--filter=${filter}`)],
    // Images are built with the engine's own builder, whichever one the user has selected.
    { env: { ...process.env, BUILDX_BUILDER: "default" }, maxBuffer: 64 * 1024 * 1024, timeout: PATIENCE_MS },
  );
  const freed = /^Total[^:]*:\s*(\S+)\s*$/m.exec(stdout)?.[1];
  return freed === undefined || /^0+(\.0+)?B$/.test(freed) ? undefined : freed;
}
