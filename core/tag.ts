export interface TagFacts {
  /** The configured tag. */
  tag?: string;
  uniqueTag: boolean;
  /** The git commit, 40 hex digits; absent outside a git checkout. */
  commit?: string;
  /** 7 hex digits that identify the differences from the commit, if there are any. */
  dirty?: string;
}

/** The longest valid tag (distribution-spec, "Pulling manifests"). */
const longest = 128;

/** What a registry accepts as a tag (the same source). Upper case is allowed here, but not in the name of a repository. */
export const tagPattern = new RegExp(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,${longest - 1}}$`);

/** What is wrong with a text that does not match. */
export const notATag = `is not an image tag (up to ${longest} letters, digits, \`_\`, \`.\` and \`-\`, not beginning with \`.\` or \`-\`)`;

/** The readable tag: `1a2b3c4`, `1a2b3c4-dirty-5d6e7f8`, or the configured one; `uniqueTag` appends the time. */
export function releaseTag({ tag, uniqueTag, commit, dirty }: TagFacts, now: Date): string {
  const base = tag ?? (commit ? `${commit.slice(0, 7)}${dirty ? `-dirty-${dirty}` : ""}` : "untracked");
  if (!uniqueTag) return base;
  const suffix = `-${now.toISOString().replace(/[-:]|\.\d+/g, "")}`;
  return base.slice(0, longest - suffix.length) + suffix;
}
