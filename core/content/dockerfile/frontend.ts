import { type DockerfileText, readDockerfile } from "./read";
import type { PlanOptions } from "./stages";
import { Unsure } from "./unsure";

/** Docker's own frontend, in any version: its newer forms are known here or make the reading uncertain. */
const OWN_FRONTEND = /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?::[^@]*)?(?:@.*)?$/;

/**
 * A Dockerfile that Docker's own frontend reads.
 *
 * @throws Unsure for any other.
 */
export function readOwnDockerfile(text: string, { args, contexts }: PlanOptions): DockerfileText {
  const file = readDockerfile(text);
  if (file.syntax !== undefined && !OWN_FRONTEND.test(file.syntax)) {
    throw new Unsure(`it is read by another frontend, ${file.syntax}`);
  }
  if (args.BUILDKIT_SYNTAX != null) throw new Unsure("BUILDKIT_SYNTAX names another frontend");
  if (contexts.some((name) => name.includes("::"))) throw new Unsure("a named context is for one platform");
  return file;
}
