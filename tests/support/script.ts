import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { docker } from "../../lab/docker";
import { engine, exec } from "../../lab/faults";
import type { Lab, LabHost } from "../../lab/lab";

/** The commands of a team's shell script, without everfresh. */

/** `docker build` of a page, under a tag. */
export async function buildPage(image: string, page: string): Promise<void> {
  const dockerfile = [
    "FROM everfresh-test-base",
    "ARG PAGE",
    'RUN mkdir -p /www && echo "$PAGE" > /www/index.html',
    'CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]',
  ].join("\n");
  await docker(["build", "-q", "-t", image, "--build-arg", `PAGE=${page}`, "-"], dockerfile);
}

/** `docker push`, logged in for this command only. */
export async function push(lab: Lab, image: string): Promise<void> {
  const config = await mkdtemp(path.join(os.tmpdir(), "everfresh-login-"));
  try {
    await writeFile(path.join(config, "config.json"), login(lab, lab.registry.address), { mode: 0o600 });
    await docker(["--config", config, "push", "-q", image]);
  } finally {
    await rm(config, { recursive: true, force: true });
  }
}

/** `docker pull` on a host, logged in for this command only. */
export async function pull(lab: Lab, host: LabHost, image: string): Promise<void> {
  const config = await exec(
    host,
    ["sh", "-c", "umask 077; folder=$(mktemp -d) && cat > $folder/config.json && echo $folder"],
    { input: login(lab, lab.registry.pullAddress) },
  );
  try {
    await engine(host, "--config", config.trim(), "pull", "-q", image);
  } finally {
    await exec(host, ["rm", "-rf", config.trim()]);
  }
}

function login({ registry }: Lab, address: string): string {
  const auth = Buffer.from(`${registry.username}:${registry.password}`).toString("base64");
  return JSON.stringify({ auths: { [address]: { auth } } });
}

/** Every form that an image may have in a registry: an engine with the containerd image store pushes an index. */
const manifestTypes = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
];

/** The manifest digest of a tag, read directly from the registry. */
export async function registryDigest(
  { registry }: Lab,
  repository: string,
  tag: string,
): Promise<string | null> {
  const answer = await fetch(`http://${registry.address}/v2/${repository}/manifests/${tag}`, {
    method: "HEAD",
    headers: {
      authorization: `Basic ${Buffer.from(`${registry.username}:${registry.password}`).toString("base64")}`,
      accept: manifestTypes.join(", "),
    },
  });
  return answer.headers.get("docker-content-digest");
}
