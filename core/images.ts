import { createHash } from "node:crypto";

/**
 * The repository of each service's image: `<address>/<project>-<service>`, one level deep because some registries
 * allow no more. Repository names are lower case, with single separators between letters and digits (distribution-spec,
 * "Pulling manifests"): where that makes it another name than the service's, or that of two services, a hash of the
 * service's name is added.
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

/** The nearest name of a repository. */
const plainName = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[._-]+/g, (between) => (/^(\.|_|__|-+)$/.test(between) ? between : "-"))
    .replace(/^[._-]+|[._-]+$/g, "");

const nameHash = (name: string) => createHash("sha256").update(name).digest("hex").slice(0, 8);

/** A pushed image under another address of its registry: its repository is the last part of its name. */
export const movedTo = (address: string, ref: string): string =>
  `${address}/${ref.slice(ref.lastIndexOf("/", ref.indexOf("@")) + 1)}`;

/** The tag that names an image by its content; it is never moved to another image. */
export function contentTag(content: string): string {
  return `content-${content.slice(0, 32)}`;
}

/**
 * A digest as a registry reports it.
 *
 * @throws Error for anything but `sha256:` and 64 hex digits: a deployment by another name could not be proved.
 */
export function checkedDigest(digest: string, image: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
  throw new Error(
    `${image}: the registry reports \`${digest}\` instead of a digest; run \`pulumi up\` again`,
  );
}

/** An image's name as this machine reaches it, given how the hosts do. */
export function pushedName(
  image: string,
  { address, pullAddress }: { address: string; pullAddress: string },
): string {
  const [ours, theirs] = [registryHost(address), registryHost(pullAddress)];
  if (image.startsWith(`${pullAddress}/`)) return address + image.slice(pullAddress.length);
  return image.startsWith(`${theirs}/`) ? ours + image.slice(theirs.length) : image;
}

/** Whether a registry is spoken to in plain HTTP: when it is said so, and as Docker has it, on a loopback address. */
export function speaksHttp(host: string, insecure = false): boolean {
  return insecure || /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host);
}

/** The registry's `host:port`, without the path under which images are kept. */
export function registryHost(address: string): string {
  return address.split("/")[0]!;
}
