import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extract } from "tar-stream";
import { type BuildSpec, identify } from "../../../core/content";

/** What an ignore file leaves of a context, `file src/a.txt` each; undefined if the builder or everfresh refuses it. */
export interface Compared {
  builder: string[] | undefined;
  everfresh: string[] | undefined;
}

const AT_ONCE = 3;

/** Compares ignore files, several at once: each stands beside a Dockerfile of its own outside of the context. */
export async function compareIgnoreFiles(
  context: string,
  ignoreFiles: readonly string[],
): Promise<Compared[]> {
  const beside = mkdtempSync(join(tmpdir(), "ignore-files-"));
  const results: Compared[] = [];
  let next = 0;
  const work = async () => {
    while (next < ignoreFiles.length) {
      const at = next++;
      const dockerfile = join(beside, `${at}`);
      writeFileSync(dockerfile, "FROM scratch\nCOPY . /\n");
      writeFileSync(`${dockerfile}.dockerignore`, ignoreFiles[at]!);
      const builder = await builtEntries(context, dockerfile);
      results[at] = { builder, everfresh: await countedEntries(context, dockerfile).catch(() => undefined) };
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    rmSync(beside, { recursive: true });
  }
  return results;
}

/** The entries that count. */
export async function countedEntries(context: string, dockerfile = "Dockerfile"): Promise<string[]> {
  const none = { args: {}, platforms: [], labels: {}, additionalContexts: {}, secrets: [] };
  const spec: BuildSpec = { context, dockerfile, ...none };
  return (await identify(spec)).files.map(({ path, type }) => `${type} ${path}`);
}

/** The entries of the image that the builder builds; undefined if it refuses. */
export async function builtEntries(
  context: string,
  dockerfile = join(context, "Dockerfile"),
): Promise<string[] | undefined> {
  const options = ["--builder", "default", "--quiet", "--output", "type=tar,dest=-", "--file", dockerfile];
  const builder = spawn("docker", ["buildx", "build", ...options, context]);
  const entries: { type: string; path: string }[] = [];
  const unpack = extract();
  unpack.on("entry", ({ name, type }, stream, next) => {
    const path = name.replace(/\/$/, "").replace(/^\.\//, "");
    if (path !== "") entries.push({ type: type!, path });
    stream.on("end", next).resume();
  });
  const finished = new Promise((done, failed) =>
    unpack.on("finish", () => done(undefined)).on("error", failed),
  );
  const status = new Promise<number | null>((done) => builder.on("close", done));
  builder.stderr.resume();
  builder.stdout.pipe(unpack);
  if ((await status) !== 0) return undefined;
  await finished;
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1)).map(({ type, path }) => `${type} ${path}`);
}
