import path from "node:path";
import { builtImage, isBuilt, type Recipe } from "./built-image";
import { docker } from "./docker";
import { type EngineName, engines } from "./engines";

/** The image of a machine with that engine. */
const machine = (engine: EngineName): Recipe => ({
  name: engine,
  what: `engine ${engine} (${engines[engine].what})`,
  folder: path.join(__dirname, "image"),
  target: engine,
});

/** Whether the engine's machine image is there, so that `labImage` builds nothing. */
export const hasLabImage = (engine: EngineName): Promise<boolean> => isBuilt(machine(engine));

/** Builds an engine's machine image unless it is there, and returns its tag (see `builtImage`). */
export const labImage = (engine: EngineName): Promise<string> => builtImage(machine(engine));

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
