import type { HostContainer, HostState, ReleaseManifest } from "./types";

/**
 * Reads what `remote/probe.sh` printed.
 *
 * @throws RangeError when the answer is not whole; `<what is wrong>; <what to do>`.
 */
export function parseProbe(stdout: string): HostState {
  const lines = stdout.split("\n");
  // A login script may print something of its own first.
  const start = lines.indexOf("everfresh probe 1");
  if (start < 0 || lines.indexOf("end", start) < 0) {
    throw new RangeError(
      `the host's answer was cut off (${stdout.length} characters); check the connection and try again`,
    );
  }
  const facts = lines.slice(start + 1, lines.indexOf("end", start));
  const all = (key: string) =>
    facts.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
  const first = (key: string): string | undefined => all(key)[0];

  const manifest = first("manifest");
  const deployedAt = first("proved at");
  const locked = facts.includes("locked");
  const images = new Map(
    all("image").map((line) => {
      const { id, digests } = JSON.parse(line) as { id: string; digests: string[] | null };
      return [id, (digests ?? []).map((name) => name.slice(name.indexOf("@") + 1))];
    }),
  );
  const paths = new Map<string, string>();
  const current = manifest === undefined ? undefined : (JSON.parse(manifest) as ReleaseManifest);
  for (const { fingerprint, path } of current?.files ?? []) paths.set(fingerprint, path);
  const unfinished = first("unfinished release");

  return defined({
    // A kept release that was deployed again has a deployer of its own.
    current: current && {
      ...current,
      deployedAt,
      who: first("proved who") ?? current.who,
      from: first("proved from") ?? current.from,
      stack: first("proved stack") ?? current.stack,
    },
    token: first("proved token"),
    lineage: first("proved lineage"),
    host: first("proved host"),
    deployment: first("proved deployment"),
    proved: all("proved runs").map((line) => {
      const [imageId = "", configHash = "", state, ...service] = line.split("|");
      return {
        service: service.join("|"),
        imageId,
        configHash,
        state: state === "exited" ? "exited" : "running",
      } as const;
    }),
    unfinished:
      unfinished === undefined
        ? undefined
        : {
            release: unfinished,
            since: first("unfinished since") ?? "",
            who: first("unfinished who") ?? "",
            locked,
          },
    holder: locked
      ? {
          release: first("holder release") ?? "",
          since: first("holder since") ?? "",
          who: first("holder who") ?? "",
          from: first("holder from") ?? "",
        }
      : undefined,
    bare: first("bare"),
    containers: all("container").map((line): HostContainer => {
      const { health, ...container } = JSON.parse(line) as Omit<HostContainer, "digests" | "health"> & {
        health: string | null;
      };
      return defined({
        ...container,
        health: health && health !== "none" ? health : undefined,
        digests: images.get(container.imageId) ?? [],
      });
    }),
    tampered: all("tampered").map((name) => paths.get(name) ?? name),
    engineError: first("engine-error"),
  });
}

/** Without the members that are undefined. */
function defined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
