import { createHash } from "node:crypto";
import type { Registry, Transport } from "./settings";

/**
 * The repository of each service's image: `<address>/<project>-<service>`, one level deep because some registries allow no
 * more. Repository names are lower case, with single separators between letters and digits (distribution-spec, "Pulling
 * manifests"). If that changes a service's name, or makes two services' names equal, a hash of the service's name is added.
 */
export function repositories(
  address: string,
  project: string,
  services: readonly string[],
): Record<string, string> {
  const plain = new Set(services.filter((service) => service === plainName(service)));
  const lower = services.map((service) => service.toLowerCase());
  const isShared = (service: string) =>
    !plain.has(service) && lower.filter((other) => other === service.toLowerCase()).length > 1;
  return Object.fromEntries(
    services.map((service) => {
      const full = `${project}-${service}`.toLowerCase();
      const name = plainName(full);
      const isOther = name !== full || isShared(service);
      return [service, `${address}/${name}${isOther ? `-${nameHash(service)}` : ""}`];
    }),
  );
}

/** The nearest valid repository name. */
const plainName = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[._-]+/g, (between) => (/^(\.|_|__|-+)$/.test(between) ? between : "-"))
    .replace(/^[._-]+|[._-]+$/g, "");

const nameHash = (name: string) => createHash("sha256").update(name).digest("hex").slice(0, 8);

/** A pushed image's name under another registry address; only the last part of its repository is kept. */
export const movedTo = (address: string, ref: string): string =>
  `${address}/${ref.slice(ref.lastIndexOf("/", ref.indexOf("@")) + 1)}`;

/**
 * A built image's name on the hosts. One that comes through the SSH connection gets a name of its own there: the name by which
 * it is pulled contains a port that differs each time.
 *
 * @param ref - `repository@digest`
 */
export function nameOnHosts(ref: string, transport: Transport, project: string): string {
  if (transport === "registry") return ref;
  const [repository = "", digest = ""] = ref.split("@");
  const name = repository.slice(repository.lastIndexOf("/") + 1);
  return `localhost/everfresh/${plainName(project)}/${name}:${digest.slice("sha256:".length).slice(0, 12)}`;
}

/** The tag that names an image by its content; it never moves to another image. */
export function contentTag(content: string): string {
  return `content-${content.slice(0, 32)}`;
}

/**
 * Checks a digest that a registry reports.
 *
 * @throws Error for anything but `sha256:` and 64 hex digits, because only that can prove a deployment.
 */
export function checkedDigest(digest: string, image: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
  throw new Error(
    `${image}: the registry reports \`${digest}\` instead of a digest; run \`pulumi up\` again`,
  );
}

/** The name under which this machine reaches an image, given the hosts' name for it. */
export function pushedName(
  image: string,
  { address, pullAddress }: { address: string; pullAddress: string },
): string {
  const [ours, theirs] = [registryHost(address), registryHost(pullAddress)];
  if (image.startsWith(`${pullAddress}/`)) return address + image.slice(pullAddress.length);
  return image.startsWith(`${theirs}/`) ? ours + image.slice(theirs.length) : image;
}

/** Whether to use plain HTTP: if the registry is configured as insecure or, as in Docker, on a loopback address. */
export function speaksHttp(host: string, insecure = false): boolean {
  return insecure || /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host);
}

/** Whether docker's own login is used: none is configured, and the registry does not exist only while this machine deploys. */
export const usesDockerLogin = ({ username, local }: Pick<Registry, "username" | "local">): boolean =>
  username === undefined && local === undefined;

/** The registry's `host:port`, without the path under which images are kept. */
export function registryHost(address: string): string {
  return address.split("/")[0]!;
}
