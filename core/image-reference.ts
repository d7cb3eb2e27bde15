/** The parts of an image's name. */
export interface ImageReference {
  /** As in the name: `docker.io`, `registry.example.com:5000`. */
  registry: string;
  repository: string;
  /** A tag, or a digest when the name has one. */
  version: string;
}

/** Whether a registry is Docker Hub (distribution/reference, `splitDockerDomain`). */
export const isHub = (registry: string): boolean => /^(index\.)?docker\.io$/.test(registry);

/** The parts of an image's name, with Docker's defaults (distribution/reference, "familiar names"). */
export function parseReference(name: string): ImageReference {
  const [untagged, digest] = name.split("@") as [string, string | undefined];
  const slash = untagged.indexOf("/");
  const first = untagged.slice(0, Math.max(0, slash));
  const hasRegistry = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  const registry = hasRegistry ? first : "docker.io";
  const path = hasRegistry ? untagged.slice(slash + 1) : untagged;
  const colon = path.lastIndexOf(":");
  const isTagged = colon > path.lastIndexOf("/");
  const repository = isTagged ? path.slice(0, colon) : path;
  const tag = isTagged ? path.slice(colon + 1) : "latest";
  const hub = isHub(registry);
  return {
    registry: hub ? "docker.io" : registry,
    repository: hub && !repository.includes("/") ? `library/${repository}` : repository,
    version: digest ?? tag,
  };
}

/**
 * The parts of a name, if a registry can be asked for it (distribution/reference). No registry has an image of any other
 * name, and such a name in a URL could lead to another path.
 */
export function parseAskableReference(name: string): ImageReference | undefined {
  const reference = parseReference(name);
  const { registry, repository, version } = reference;
  const isAskable =
    URL.canParse(`https://${registry}`) &&
    /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/.test(repository) &&
    /^\w[\w+.:-]*$/.test(version);
  return isAskable ? reference : undefined;
}
