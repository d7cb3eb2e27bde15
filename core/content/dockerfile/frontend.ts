import type { PlanOptions } from "./plan";
import { type DockerfileText, readDockerfile } from "./read";
import { Unsure } from "./unsure";

/** Docker's own frontend, in any version: unknown additions of newer versions make the reading unsure. */
const OWN_FRONTEND = /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?::[^@]*)?(?:@.*)?$/;

/**
 * Reads a Dockerfile for Docker's own frontend.
 *
 * @throws Unsure if another frontend reads it
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
