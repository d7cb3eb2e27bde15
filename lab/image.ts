import { createHash } from "node:crypto";
import { access, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { DockerError, docker } from "./docker";
import { type EngineName, engines } from "./engines";

const folder = path.join(__dirname, "image");

/** The tag of an engine's machine image. It contains a hash of the files that the image is built from. */
async function tagOf(engine: EngineName): Promise<string> {
  const hash = createHash("sha256");
  for (const file of (await readdir(folder)).sort()) {
    const bytes = await readFile(path.join(folder, file));
    hash.update(`${file} ${bytes.length}\n`).update(bytes);
  }
  return `everfresh-lab:${engine}-${hash.digest("hex").slice(0, 12)}`;
}

/** Whether the engine's machine image is there, so that `labImage` builds nothing. */
export async function hasLabImage(engine: EngineName): Promise<boolean> {
  return (await docker(["images", "--quiet", await tagOf(engine)])) !== "";
}

/**
 * Builds an engine's machine image unless it is there, and returns its tag. Reports on stderr when it takes longer than
 * 2 s.
 *
 * @throws Error when it cannot be built, e.g. when a package cannot be downloaded.
 */
export async function labImage(engine: EngineName): Promise<string> {
  const tag = await tagOf(engine);
  if (await hasLabImage(engine)) return tag;
  const building = `lab: building the image with engine ${engine} (${engines[engine].what})`;
  const slow = setTimeout(() => console.error(building), 2_000);
  try {
    const options = ["--load", "--progress=plain", `--target=${engine}`, ...(await lentCertificates())];
    await docker(["buildx", "build", ...options, "--tag", tag, folder]);
  } catch (error) {
    throw error instanceof DockerError ? cannotBuild(engine, error) : error;
  } finally {
    clearTimeout(slow);
  }
  return tag;
}

/** Gives a build this machine's CA certificates, because a package registry or proxy may need them. */
export async function lentCertificates(): Promise<string[]> {
  const bundle = process.env.SSL_CERT_FILE ?? "/etc/ssl/certs/ca-certificates.crt";
  const isThere = await access(bundle).then(
    () => true,
    () => false,
  );
  return isThere ? [`--secret=id=certificates,src=${bundle}`] : [];
}

/** Quotes the failed step's own error: docker's last line only says that it failed. */
function cannotBuild(engine: EngineName, error: DockerError): Error {
  const words = error.stderr.split("\n").map((line) => line.replace(/^#\d+ [\d.]+ /, "").trim());
  const why = words.find((line) => /^(E|Err|W): |^go: /.test(line)) ?? error.message;
  return new Error(
    `engine ${engine} (${engines[engine].what}): its image cannot be built: ${why}; fix this and run it again (\`docker buildx build --target ${engine} lab/image\` shows all of it)`,
  );
}

/**
 * The options that let a container run a Docker engine of its own: `--privileged` or, if this machine lacks a capability and
 * refuses that, the parts of it that an engine needs.
 */
export async function nestedEngineOptions(image: string): Promise<string[]> {
  if (await starts(image, ["--privileged"])) return ["--privileged"];
  const options = ["--cap-add=ALL"];
  for (const guard of ["seccomp", "apparmor", "systempaths"])
    options.push(`--security-opt=${guard}=unconfined`);
  // Since Docker 28, ALL leaves out what the machine lacks, and dropping that is refused.
  const isDropped = await starts(image, [...options, "--cap-drop=SYS_RESOURCE"]);
  if (isDropped) options.push("--cap-drop=SYS_RESOURCE");
  // Only on cgroup v1: on v2 the container would mistake the whole machine's groups for its own.
  if ((await docker(["info", "--format={{.CgroupVersion}}"])) === "1")
    options.push("--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw");
  return options;
}

async function starts(image: string, options: string[]): Promise<boolean> {
  return docker(["run", "--rm", ...options, "--network=none", "--entrypoint=true", image]).then(
    () => true,
    () => false,
  );
}
