import { Problems, problem } from "./problems";

/** A pushed image, as the stack's outputs name it. */
export interface PushedImage {
  /** Content hash, 64 hex digits. */
  content: string;
  /** Manifest digest, `sha256:` and 64 hex digits. */
  digest: string;
  /** `repository@digest`, as the hosts pull it. */
  ref: string;
  /** The tag for people under which it was pushed as well. */
  tag: string;
  /** When this stack built it (RFC 3339, UTC); absent when the registry had it already. */
  built?: string;
  /** Whether it was built without the cache. */
  noCache?: boolean;
  /** The nonce `fresh` at that time. */
  fresh?: string;
}

/**
 * The repository of each service's image: `<address>/<project>-<service>`, one level deep because some registries
 * allow no more. Repository names are lower case (distribution-spec, "Pulling manifests").
 *
 * @throws Problems when two services would share a repository, or a name cannot be one.
 */
export function repositories(
  address: string,
  project: string,
  services: readonly string[],
): Record<string, string> {
  const problems: string[] = [];
  const owner = new Map<string, string>();
  const result: Record<string, string> = {};
  for (const service of services) {
    const component = `${project}-${service}`.toLowerCase();
    const where = `services.${service}`;
    if (!/^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/.test(component)) {
      problems.push(
        problem(
          where,
          `\`${component}\` cannot name an image`,
          "rename the service (letters and digits, with single `.`, `_` or `-` between)",
        ),
      );
    }
    const other = owner.get(component);
    if (other !== undefined) {
      problems.push(
        problem(where, `its image would have the same name as that of \`${other}\``, "rename one of the two"),
      );
    }
    owner.set(component, service);
    result[service] = `${address}/${component}`;
  }
  if (problems.length > 0) throw new Problems(problems);
  return result;
}

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
