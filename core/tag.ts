export interface TagFacts {
  /** The tag that was asked for. */
  tag?: string;
  uniqueTag: boolean;
  /** The git commit, 40 hex digits; absent outside a git checkout. */
  commit?: string;
  /** 7 hex digits over the differences to the commit, if there are any. */
  dirty?: string;
}

/** The longest tag that there may be (distribution-spec, "Pulling manifests"). */
const longest = 128;

/** The tag for people: `1a2b3c4`, `1a2b3c4-dirty-5d6e7f8`, or what was asked for; `uniqueTag` appends the time. */
export function releaseTag({ tag, uniqueTag, commit, dirty }: TagFacts, now: Date): string {
  const base = tag ?? (commit ? `${commit.slice(0, 7)}${dirty ? `-dirty-${dirty}` : ""}` : "untracked");
  if (!uniqueTag) return base;
  const suffix = `-${now.toISOString().replace(/[-:]|\.\d+/g, "")}`;
  return base.slice(0, longest - suffix.length) + suffix;
}
