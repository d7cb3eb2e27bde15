import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { BuildSecret } from "../core/compose/build";
import type { BuildSpec } from "../core/content";

/**
 * Gives a build's paths the same names in every checkout: links under `.everfresh/`, relative to the program. So the
 * state holds no path of a machine, and another checkout folder changes nothing.
 */
export interface BuildFolder {
  context: string;
  /** Relative to `context`, or beside it. */
  dockerfile: string;
  log: string;
  /** `name=path` or `name=docker-image://…`. */
  additionalContexts: string[];
  secret(id: string): { id: string; src?: string; env?: string };
}

/**
 * Makes the folder of one service's build, anew.
 *
 * The context's name is its content's: under a name that it has met, BuildKit takes a file of the same size and time for
 * the one that it was sent then, in whichever service (buildx makes the name the session's `SharedKey`; BuildKit,
 * source/local).
 *
 * @param content the build's content hash.
 */
export function makeBuildFolder(
  root: string,
  service: string,
  build: BuildSpec,
  content: string,
  secrets: readonly BuildSecret[],
): BuildFolder {
  const folder = path.join(root, service);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.join(folder, "secrets"), { recursive: true, mode: 0o700 });
  const link = (target: string, name: string) => {
    const file = path.join(folder, name);
    symlinkSync(target, file);
    return file;
  };

  const context = link(build.context, `context-of-${service}-${content.slice(0, 16)}`);
  const contexts = Object.entries(build.additionalContexts).map(([name, source]) => {
    const local = !/^[a-z-]+:/.test(source);
    return `${name}=${local ? link(source, `context-${name}`) : source}`;
  });
  const sources = new Map(
    secrets.map((secret) => [
      secret.id,
      "file" in secret
        ? { id: secret.id, src: link(secret.file, path.join("secrets", secret.id)) }
        : { id: secret.id, env: secret.environment },
    ]),
  );
  return {
    context,
    dockerfile: dockerfilePath(folder, build),
    log: path.join(folder, "build.log"),
    additionalContexts: contexts,
    secret: (id) => sources.get(id)!,
  };
}

function dockerfilePath(folder: string, build: BuildSpec): string {
  if (build.dockerfileInline !== undefined) {
    writeFileSync(path.join(folder, "Dockerfile"), build.dockerfileInline);
    return "../Dockerfile";
  }
  const dockerfile = build.dockerfile ?? "Dockerfile";
  const relative = path.relative(build.context, path.resolve(build.context, dockerfile));
  if (!relative.startsWith("..")) return relative;
  // A Dockerfile outside of its context brings the ignore file of its own. Copies: the builder applies the rules of no link.
  const source = path.resolve(build.context, dockerfile);
  copyFileSync(source, path.join(folder, "Dockerfile"));
  if (existsSync(`${source}.dockerignore`)) {
    copyFileSync(`${source}.dockerignore`, path.join(folder, "Dockerfile.dockerignore"));
  }
  return "../Dockerfile";
}
