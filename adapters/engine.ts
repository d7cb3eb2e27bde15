import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as v from "valibot";

const run = promisify(execFile);
const ImageConfig = v.nullable(v.object({ OnBuild: v.nullish(v.array(v.string())) }));
/** After which the engine goes on removing its cache without being waited for. */
const PATIENCE_MS = 30_000;

/** The ONBUILD instructions of an image that this machine's engine has; undefined where it has none such. */
export async function localOnBuild(image: string): Promise<string[] | undefined> {
  try {
    const { stdout } = await run("docker", ["image", "inspect", "--format", "{{json .Config}}", "--", image]);
    return v.parse(ImageConfig, JSON.parse(stdout))?.OnBuild ?? [];
  } catch {
    return undefined;
  }
}

/**
 * Removes the build cache of this machine's engine that no build has used for so many hours.
 *
 * @param kind the kind of cache, as BuildKit names it: `source.local` for contexts; default all.
 * @returns how much that was, as docker says it: `1.2GB`; undefined when it was nothing.
 */
export async function pruneBuildCache(unusedHours: number, kind?: string): Promise<string | undefined> {
  const filters = [`until=${unusedHours}h`, ...(kind === undefined ? [] : [`type=${kind}`])];
  const { stdout } = await run(
    "docker",
    ["builder", "prune", "--force", ...filters.map((filter) => `--filter=${filter}`)],
    // The engine's own builder, which images are built with here, whichever one the user has selected.
    { env: { ...process.env, BUILDX_BUILDER: "default" }, maxBuffer: 64 * 1024 * 1024, timeout: PATIENCE_MS },
  );
  const freed = /^Total[^:]*:\s*(\S+)\s*$/m.exec(stdout)?.[1];
  return freed === undefined || /^0+(\.0+)?B$/.test(freed) ? undefined : freed;
}
