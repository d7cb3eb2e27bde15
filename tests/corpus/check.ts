import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { type ComposeSource, readCompose } from "../../adapters/compose";
import type { inspectSources } from "../../adapters/mount-sources";
import type { ComposeProject } from "../../core/compose/project";
import { requestProblems } from "../../core/host/validate";
import { repositories } from "../../core/images";
import { Problems, refuse } from "../../core/problems";
import { mapValues } from "../../core/records";
import { assembleRelease } from "../../core/release/assemble";
import { examineProject, readMounts } from "../../preflight/mounts";
import { differences, type Printed, type Rendered } from "./meaning";
import { readable, registry } from "./readable";

/** A project that lies in a folder of this machine. */
export interface Checked extends ComposeSource {
  /** Nothing of a rendering may name this folder: the project's own, or one around it. */
  root: string;
  /** Variables beside those that commands need. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** Tells what is known of the sources of mounts; default: what is on disk, and what git says. */
  inspect?: typeof inspectSources;
}

/** What becomes of a project. */
export type Outcome =
  | { kind: "accepted"; rendering: Printed }
  | { kind: "refused"; problems: readonly string[] }
  /** docker compose itself refuses it: `reason` is its first line, `problems` are everfresh's. */
  | { kind: "unreadable"; reason: string; problems: readonly string[] }
  | { kind: "wrong"; differences: readonly string[] };

/** Where this machine's home would be: no file names it by chance. */
export const home = "/home/of-the-deployer";

/**
 * Reads a project as `pulumi preview` does, renders it for a host, and lets docker compose say whether the rendering means
 * the same there. Needs neither an engine nor a network.
 */
export async function check(project: Checked): Promise<Outcome> {
  const environment = {
    PATH: process.env.PATH,
    DOCKER_CONFIG: process.env.DOCKER_CONFIG || path.join(os.homedir(), ".docker"),
    HOME: home,
    ...project.environment,
  };
  const folder = path.dirname(path.resolve(project.composeFiles[0]!));
  const plain = await readPlainly(project, folder, environment);
  let read: Awaited<ReturnType<typeof deploy>>;
  try {
    read = await deploy(project, environment);
  } catch (error) {
    if (!(error instanceof Problems)) throw error;
    const problems = error.problems.map((line) => line.replaceAll(folder, "."));
    return plain.failed === undefined
      ? { kind: "refused", problems }
      : { kind: "unreadable", reason: plain.failed, problems };
  }
  if (plain.failed !== undefined)
    return { kind: "wrong", differences: [`docker compose refuses it: ${plain.failed}`] };
  const { compose, rendered } = read;
  const host = await readOnHost(compose, read.name, rendered.hostFolder, environment);
  if (host.failed !== undefined)
    return { kind: "wrong", differences: [`the host's docker compose refuses it: ${host.failed}`] };
  const found = [
    ...differences(plain.document, host.document, rendered),
    ...namesOfThisMachine(compose, [home, project.root]),
  ];
  return found.length > 0
    ? { kind: "wrong", differences: found }
    : { kind: "accepted", rendering: readable(compose, rendered) };
}

/** All of what preflight and the release do, with made-up digests and fingerprints. */
async function deploy(project: Checked, environment: NodeJS.ProcessEnv) {
  const text = await readCompose(project, environment);
  const read = await examineProject(text, project.inspect);
  const { files, hostPaths } = await readMounts(read, project.inspect);
  const fingerprints = files.map(({ file }, i) => sha256(`${i} ${file.key}`));
  const images = imagesOf(read);
  const followed = Object.fromEntries(
    read.services
      .filter(({ followsTag }) => followsTag)
      .map(({ name, image }) => [name, `${image}@sha256:${sha256(name)}`]),
  );
  const known = {
    id: "corpus",
    fingerprints,
    images,
    layers: {},
    provenance: { tag: "corpus", who: "who", from: "here" },
  };
  const release = assembleRelease(
    { project: read, files, hostPaths, followed, rollouts: {}, transport: "registry" },
    known,
  );
  refuse(
    requestProblems({
      ...{ release, token: "token", lineage: "", host: "host", who: "who", from: "here", stack: "corpus" },
      ...{ keepReleases: 5, lockWait: 0, healthTimeout: 1, settle: 0 },
    }),
  );
  const hostFolder = `/srv/${read.name}`;
  const rendered: Rendered = {
    ...{ folder: text.folder, hostFolder, sources: text.sources, environment: text.environment },
    inactive: read.inactive.flatMap(({ imageNames }) => imageNames),
    images: { ...followed, ...mapValues(images, ({ ref }) => ref) },
    shipped: new Map(files.map(({ file }, i) => [fingerprints[i]!, file])),
    kept: new Set(hostPaths.keys()),
  };
  return { compose: release.compose, name: read.name, rendered };
}

function imagesOf({ name, services }: ComposeProject) {
  const built = services.flatMap(({ name, build }) => (build ? [name] : []));
  return Object.fromEntries(
    Object.entries(repositories(registry, name, built)).map(([service, repository]) => {
      const digest = `sha256:${sha256(service)}`;
      return [service, { content: sha256(service), digest, ref: `${repository}@${digest}` }];
    }),
  );
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

type Reading = { failed: string } | { failed?: undefined; document: Printed };

/** What docker compose alone makes of the author's files, on the author's machine. */
function readPlainly(
  { composeFiles, projectName, envFile }: ComposeSource,
  folder: string,
  environment: NodeJS.ProcessEnv,
): Promise<Reading> {
  const words = [
    ...composeFiles.flatMap((file) => ["--file", path.resolve(file)]),
    ...(projectName ? ["--project-name", projectName] : []),
    ...(envFile ? ["--env-file", path.resolve(envFile)] : []),
  ];
  return config(words, folder, { ...environment, PWD: folder });
}

/** What a host's docker compose makes of the rendering: it has nothing but that file. */
async function readOnHost(
  compose: string,
  name: string,
  folder: string,
  { PATH, DOCKER_CONFIG }: NodeJS.ProcessEnv,
): Promise<Reading> {
  const release = await realpath(await mkdtemp(path.join(os.tmpdir(), "everfresh-corpus-host-")));
  try {
    const file = path.join(release, "compose.yaml");
    await writeFile(file, compose);
    const words = ["--project-name", name, "--project-directory", folder, "--file", file];
    return await config(words, release, { PATH, DOCKER_CONFIG, HOME: "/home/of-the-host" });
  } finally {
    await rm(release, { recursive: true });
  }
}

function config(words: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Reading> {
  const options = { cwd, env, maxBuffer: 64 << 20, timeout: 60_000 };
  return new Promise((resolve) => {
    const args = ["compose", ...words, "config", "--format", "json"];
    execFile("docker", args, options, (error, stdout, stderr) => {
      if (!error) return resolve({ document: JSON.parse(stdout) as Printed });
      const lines = stderr.split("\n").filter((line) => line !== "" && !line.includes("level=warning"));
      resolve({ failed: lines[0] ?? error.message });
    });
  });
}

/** Places in a rendering that would mean another machine's folders on a host. */
function namesOfThisMachine(compose: string, folders: readonly string[]): string[] {
  const lines = compose.replaceAll("$$", "$").split("\n");
  return lines
    .filter((line) => folders.some((folder) => line.includes(folder)))
    .map((line) => `${line.trim()}: names this machine`);
}

/** Does one after the other, a few at a time. */
export async function eachOf<A, B>(
  all: readonly A[],
  atOnce: number,
  f: (one: A) => Promise<B>,
): Promise<B[]> {
  const results: B[] = [];
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < all.length; i = next++) results[i] = await f(all[i]!);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, all.length) }, worker));
  return results;
}

/** Writes files, and the folders that they are in; an empty folder is a name that ends in a slash. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(name.endsWith("/") ? file : path.dirname(file), { recursive: true });
    if (!name.endsWith("/")) await writeFile(file, text);
  }
}
