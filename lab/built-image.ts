import { createHash } from "node:crypto";
import { access, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { DockerError, docker } from "./docker";

/** An image of the lab that is built from a folder here. */
export interface Recipe {
  /** The first part of its tag. */
  name: string;
  /** What it is, for messages. */
  what: string;
  folder: string;
  /** The target of its Dockerfile; default: the last one. */
  target?: string;
}

/** The tag of an image. It contains a hash of the files that the image is built from. */
async function tagOf({ name, folder }: Recipe): Promise<string> {
  const hash = createHash("sha256");
  for (const file of (await readdir(folder)).sort()) {
    const bytes = await readFile(path.join(folder, file));
    hash.update(`${file} ${bytes.length}\n`).update(bytes);
  }
  return `everfresh-lab:${name}-${hash.digest("hex").slice(0, 12)}`;
}

/** Whether the image is there, so that `builtImage` builds nothing. */
export async function isBuilt(recipe: Recipe): Promise<boolean> {
  return (await docker(["images", "--quiet", await tagOf(recipe)])) !== "";
}

/**
 * Builds an image unless it is there, and returns its tag. Reports on stderr when it takes longer than 2 s.
 *
 * @throws Error when it cannot be built, e.g. when a package cannot be downloaded.
 */
export async function builtImage(recipe: Recipe): Promise<string> {
  const { what, folder, target } = recipe;
  const tag = await tagOf(recipe);
  if (await isBuilt(recipe)) return tag;
  const slow = setTimeout(() => console.error(`lab: building the image of ${what}`), 2_000);
  const only = target === undefined ? [] : [`--target=${target}`];
  try {
    const options = ["--load", "--progress=plain", ...only, ...(await lentCertificates())];
    await docker(["buildx", "build", ...options, "--tag", tag, folder]);
  } catch (error) {
    throw error instanceof DockerError
      ? cannotBuild(recipe, [...only, path.relative(root, folder)], error)
      : error;
  } finally {
    clearTimeout(slow);
  }
  return tag;
}

const root = path.join(__dirname, "..");

/** Gives the build this machine's CA certificates, because a package registry or proxy may need them. */
async function lentCertificates(): Promise<string[]> {
  const bundle = process.env.SSL_CERT_FILE ?? "/etc/ssl/certs/ca-certificates.crt";
  const isThere = await access(bundle).then(
    () => true,
    () => false,
  );
  return isThere ? [`--secret=id=certificates,src=${bundle}`] : [];
}

/** Quotes the failed step's own error: docker's last line only says that it failed. */
function cannotBuild({ what }: Recipe, build: string[], error: DockerError): Error {
  const words = error.stderr.split("\n").map((line) => line.replace(/^#\d+ [\d.]+ /, "").trim());
  // Those of apt, go and pip.
  const why = words.find((line) => /^(E|Err|W): |^go: |^ERROR: (?!failed to )/.test(line)) ?? error.message;
  return new Error(
    `${what}: its image cannot be built: ${why}; fix this and run it again (\`docker buildx build ${build.join(" ")}\` shows all of it)`,
  );
}
