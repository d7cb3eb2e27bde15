import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { docker } from "./docker";

const folder = path.join(__dirname, "image");

/** Builds the image of the lab's machines unless it is there, and returns its tag, a hash of what it is built from. */
export async function labImage(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of (await readdir(folder)).sort()) {
    const bytes = await readFile(path.join(folder, file));
    hash.update(`${file} ${bytes.length}\n`).update(bytes);
  }
  const tag = `everfresh-lab:${hash.digest("hex").slice(0, 12)}`;
  if (!(await docker(["images", "--quiet", tag])))
    await docker(["buildx", "build", "--load", "--quiet", "--tag", tag, folder]);
  return tag;
}

/**
 * The options that let a container run a Docker engine of its own: `--privileged`, or where that is refused (a
 * machine that itself lacks a capability) as much of it as such an engine needs.
 */
export async function nestedEngineOptions(image: string): Promise<string[]> {
  try {
    await docker(["run", "--rm", "--privileged", "--network=none", "--entrypoint=true", image]);
    return ["--privileged"];
  } catch {
    const options = ["--cap-add=ALL", "--cap-drop=SYS_RESOURCE"];
    for (const guard of ["seccomp", "apparmor", "systempaths"])
      options.push(`--security-opt=${guard}=unconfined`);
    // Only on cgroup v1: on v2 this would show the container the groups of the whole machine as its own.
    if ((await docker(["info", "--format={{.CgroupVersion}}"])) === "1")
      options.push("--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw");
    return options;
  }
}
