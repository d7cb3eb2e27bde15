import { copyFileSync, existsSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileName, makeOwnFolder } from "../adapters/own-folder";
import type { BuildSecret } from "../core/compose/build";
import { type BuildSpec, serviceOf } from "../core/content";
import { Problems, problem } from "../core/problems";

/**
 * Names a build's paths by links under `.everfresh/`, relative to the program. They are the same in every checkout, so the
 * state holds no path of this machine.
 */
export interface BuildFolder {
  context: string;
  /** Relative to `context`, or beside it. */
  dockerfile: string;
  log: string;
  /** `name=path` or `name=docker-image://…`, without those that are images of other services. */
  additionalContexts: string[];
  /** Writes the Dockerfile, if the folder was made without one. */
  write(dockerfile: string | Buffer): void;
  secret(id: string): { id: string; src?: string; env?: string };
}

/**
 * Makes the folder of one service's build, and removes an earlier one.
 *
 * The name of the context contains the content hash. Under a name that it has seen before, in any service, BuildKit takes
 * a file with the same size and time for the one that it was sent then (buildx makes the name the session's `SharedKey`;
 * BuildKit, source/local).
 *
 * @param content the build's content hash.
 * @param options.pinned whether the build uses another Dockerfile than its own, which is written later.
 * @param options.builds whether this run builds. If so, secrets from the env file are written to files until it ends.
 * @throws Problems when it cannot be made.
 */
export function makeBuildFolder(
  stack: string,
  service: string,
  build: BuildSpec,
  content: string,
  secrets: readonly BuildSecret[],
  { pinned = false, builds = false } = {},
): BuildFolder {
  const folder = emptyFolder(stack, service);
  const link = (target: string, name: string) => {
    const file = path.join(folder, name);
    symlinkSync(target, file);
    return file;
  };

  const context = link(build.context, `context-of-${fileName(service)}-${content.slice(0, 16)}`);
  const contexts = Object.entries(build.additionalContexts)
    .filter(([, source]) => serviceOf(source) === undefined)
    .map(
      ([name, source]) =>
        `${name}=${path.isAbsolute(source) ? link(source, `context-${fileName(name)}`) : source}`,
    );
  const sourceOf = (secret: BuildSecret) => {
    const { id } = secret;
    const place = path.join("secrets", fileName(id));
    if ("file" in secret) return { id, src: link(secret.file, place) };
    if (secret.value === undefined) return { id, env: secret.environment };
    const file = path.join(folder, place);
    if (builds) writeForThisRun(file, secret.value);
    return { id, src: file };
  };
  const sources = new Map(secrets.map((secret) => [secret.id, sourceOf(secret)]));
  return {
    context,
    dockerfile: dockerfilePath(folder, build, pinned),
    log: path.join(folder, "build.log"),
    additionalContexts: contexts,
    write: (dockerfile) => writeFileSync(path.join(folder, "Dockerfile"), dockerfile),
    secret: (id) => sources.get(id)!,
  };
}

/** Writes a secret to a file that is removed when the program exits, after all builds. */
function writeForThisRun(file: string, secret: string): void {
  writeFileSync(file, secret, { mode: 0o600, flag: "wx" });
  process.once("exit", () => rmSync(file, { force: true }));
}

function emptyFolder(stack: string, service: string): string {
  const names = ["build", fileName(stack), fileName(service)];
  try {
    rmSync(makeOwnFolder(...names), { recursive: true });
    makeOwnFolder(...names, "secrets");
    return makeOwnFolder(...names);
  } catch (error) {
    if (error instanceof Problems) throw error;
    const { code = error } = error as NodeJS.ErrnoException;
    throw new Problems([
      problem(
        path.join(".everfresh", ...names),
        `cannot be recreated (${code})`,
        "remove it, or make yourself its owner",
      ),
    ]);
  }
}

function dockerfilePath(folder: string, build: BuildSpec, pinned: boolean): string {
  if (build.dockerfileInline !== undefined) {
    if (pinned) return "../Dockerfile";
    writeFileSync(path.join(folder, "Dockerfile"), build.dockerfileInline);
    return "../Dockerfile";
  }
  const source = path.resolve(build.context, build.dockerfile ?? "Dockerfile");
  const relative = path.relative(build.context, source);
  if (!pinned && relative.split(path.sep)[0] !== "..") return relative;
  // A Dockerfile outside its context may have its own ignore file. Both are copied, because BuildKit ignores rules in a
  // symlinked file. If there is no `Dockerfile`, BuildKit tries `dockerfile`.
  const second = path.join(path.dirname(source), "dockerfile");
  const found = !existsSync(source) && path.basename(source) === "Dockerfile" ? second : source;
  if (!pinned) copyFileSync(found, path.join(folder, "Dockerfile"));
  if (existsSync(`${source}.dockerignore`)) {
    copyFileSync(`${source}.dockerignore`, path.join(folder, "Dockerfile.dockerignore"));
  }
  return "../Dockerfile";
}
