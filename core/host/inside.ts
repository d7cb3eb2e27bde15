import * as v from "valibot";

/** How a container differs from its image, and what of the image it does not see. */
export interface Inside {
  /** The content hash of its image, if everfresh built that. */
  content?: string;
  /** Since the container was created, without what is mounted. */
  changes: Change[];
  mounts: Mount[];
}

export interface Change {
  path: string;
  change: "added" | "changed" | "deleted";
}

export interface Mount {
  /** In the container. */
  path: string;
  /** `volume`, `bind`, `tmpfs`, or another of docker's words. */
  type: string;
  /** The volume's name, or the path on the host. */
  source?: string;
}

const text = v.string();
const fact = v.pipe(
  text,
  v.parseJson(),
  v.object({
    id: text,
    content: v.nullish(text),
    mounts: v.nullish(
      v.array(
        v.object({
          Type: v.optional(text),
          Name: v.optional(text),
          Source: v.optional(text),
          Destination: text,
        }),
      ),
    ),
    tmpfs: v.nullish(v.record(text, text)),
  }),
);
const kinds = { A: "added", C: "changed", D: "deleted" } as const;

/** Parses what `inside` in remote/verbs.sh prints after the facts, by container. Lines that cannot be read are left out. */
export function parseInside(lines: readonly string[]): Map<string, Inside> {
  const found = new Map<string, Inside>();
  for (const line of lines) {
    const parsed = line.startsWith("inside ") ? v.safeParse(fact, line.slice("inside ".length)) : undefined;
    if (!parsed?.success) continue;
    const { id, content, mounts, tmpfs } = parsed.output;
    const all = [
      ...(mounts ?? []).map(({ Type = "", Name, Source, Destination }): Mount => {
        const source = Name || Source;
        return { path: Destination, type: Type, ...(source ? { source } : {}) };
      }),
      ...Object.keys(tmpfs ?? {}).map((path): Mount => ({ path, type: "tmpfs" })),
    ];
    const byPath = [...new Map(all.map((mount) => [mount.path, mount])).values()];
    found.set(id, {
      ...(content ? { content } : {}),
      changes: own(changesOf(id, lines), byPath),
      mounts: byPath.sort((a, b) => (a.path < b.path ? -1 : 1)),
    });
  }
  return found;
}

const changesOf = (id: string, lines: readonly string[]): Change[] =>
  lines.flatMap((line) => {
    const match = line.startsWith(`changed|${id}|`) && /^[^|]*\|[^|]*\|([ACD]) (\/.*)$/.exec(line);
    return match ? [{ path: match[2]!, change: kinds[match[1] as keyof typeof kinds] }] : [];
  });

/**
 * Leaves out what docker reports besides: each folder above a change, and the places at which something is mounted, which
 * docker creates.
 */
function own(changes: readonly Change[], mounts: readonly Mount[]): Change[] {
  const above = new Set<string>();
  for (const path of [...changes, ...mounts].map(({ path }) => path)) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1))
      above.add(path.slice(0, end));
  }
  for (const { path } of mounts) above.add(path);
  return changes
    .filter(({ path, change }) => change === "deleted" || !above.has(path))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
