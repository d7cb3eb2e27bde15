import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { docker } from "./docker";
import { lentCertificates } from "./image";

const folder = path.join(__dirname, "traefik");

/**
 * Builds the image that stands in for Traefik's own, which Docker Hub has, from a package of PyPI, unless it is there.
 *
 * @returns its tag, which contains a hash of what it is built from.
 * @throws DockerError when it cannot be built, e.g. when the package cannot be downloaded.
 */
export async function traefikImage(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of ["Dockerfile", "requirements.txt"]) hash.update(await readFile(path.join(folder, file)));
  const tag = `everfresh-lab-traefik:${hash.digest("hex").slice(0, 12)}`;
  if (await docker(["images", "--quiet", tag])) return tag;
  await docker(["buildx", "build", "--load", ...(await lentCertificates()), "--tag", tag, folder]);
  return tag;
}
