import * as v from "valibot";
import type { CoveringVolume, HostContainer, HostState, ReleaseManifest } from "./types";
import { queryUnescaped } from "./url-query";

/**
 * Parses the output of `remote/probe.sh`. Damaged records are named, not trusted.
 *
 * @throws RangeError `<what is wrong>; <what to do>` if the answer is incomplete, or docker's part of it cannot be read.
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

  const locked = facts.includes("locked");
  const release = first("release");
  const token = first("proved token") || undefined;
  const manifest = release === undefined ? undefined : readManifest(release, first("manifest"));
  const damaged = [
    ...(release !== undefined && manifest === undefined ? [`releases/${release}/manifest.json`] : []),
    ...(release !== undefined && token === undefined ? [`releases/${release}/proved`] : []),
  ];
  const current =
    release === undefined
      ? undefined
      : (manifest ?? { ...nothingKnown, id: release, services: [], files: [] });
  const paths = new Map(current?.files.map(({ fingerprint, path }) => [fingerprint, path]));
  const proved = all("proved runs").flatMap((line) => {
    const [imageId, configHash, state, service] = line.split("|");
    return imageId && configHash !== undefined && service !== undefined
      ? [{ service, imageId, configHash, state: state === "exited" ? "exited" : "running" } as const]
      : [];
  });
  const restartsAtProof = new Map(
    all("proved restarts").map((line) => {
      const [id, count] = line.split(" ");
      return [id, Number(count)];
    }),
  );
  // docker restarts its count when somebody starts a container by hand.
  const since = (id: string, restarts: number) => {
    const before = restartsAtProof.get(id) ?? 0;
    return restartsAtProof.size === 0 ? undefined : restarts >= before ? restarts - before : restarts;
  };
  const images = new Map(
    all("image").map((line) => {
      const { id, digests } = read(imageFact, line);
      return [id, (digests ?? []).map((name) => name.slice(name.indexOf("@") + 1))];
    }),
  );
  // The rule of `unmanaged_containers` in remote/engine.sh.
  const isOurs = (service: string, configHash: string, folder: string | null) =>
    folder === first("folder") ||
    (configHash !== "" && proved.some((run) => run.service === service && run.configHash === configHash));

  return defined({
    // A kept release that was deployed again has its own deployer.
    current: current && {
      ...current,
      deployedAt: first("proved at"),
      who: first("proved who") ?? current.who,
      from: first("proved from") ?? current.from,
      stack: first("proved stack") ?? current.stack,
    },
    token,
    lineage: first("proved lineage") || undefined,
    host: first("proved host"),
    compose: first("proved compose"),
    deployment: first("proved deployment"),
    proved,
    unfinished: facts.includes("unfinished")
      ? {
          release: first("unfinished release") ?? unknown,
          since: first("unfinished since") ?? unknown,
          who: first("unfinished who") ?? unknown,
          locked,
        }
      : undefined,
    holder: locked
      ? {
          release: first("holder release") ?? unknown,
          since: first("holder since") ?? unknown,
          who: first("holder who") ?? unknown,
          from: first("holder from") ?? unknown,
        }
      : undefined,
    emptySince: first("bare"),
    containers: all("container").map((line): HostContainer => {
      const { health, service, configHash, folder, name, mounts, ...container } = read(containerFact, line);
      const labels = { service: service ?? "", configHash: configHash ?? "" };
      return defined({
        ...container,
        ...labels,
        health: health && health !== "none" ? health : undefined,
        restartsSinceProof: since(container.id, container.restarts),
        digests: images.get(container.imageId) ?? [],
        hasAnonymousVolume: (mounts ?? []).some(isAnonymousVolume),
        stranger: isOurs(labels.service, labels.configHash, folder) ? undefined : name.replace(/^\//, ""),
      });
    }),
    hidden: all("proved hidden").flatMap(readVolume),
    covers: all("proved covers").flatMap(readVolume),
    tampered: all("tampered")
      .filter((name) => !damaged.some((file) => file.endsWith(`/${name}`)))
      .map((name) => paths.get(name) ?? name),
    damaged,
    engineError: first("engine-error"),
  });
}

/** What a host says after the facts of `probe`. */
export function linesAfterProbe(stdout: string): string[] {
  const lines = stdout.split("\n");
  return lines.slice(lines.indexOf("end", lines.indexOf("everfresh probe 1")) + 1);
}

/** Stands for anything that a damaged record does not tell. */
const unknown = "unknown";
const nothingKnown = { project: unknown, tag: unknown, who: unknown, from: unknown, stack: unknown };

const text = v.string();
const manifestFile = v.object({
  id: text,
  project: text,
  tag: text,
  commit: v.optional(text),
  dirty: v.optional(v.boolean()),
  who: text,
  from: text,
  stack: text,
  services: v.array(
    v.object({
      name: text,
      image: text,
      content: v.optional(text),
      digest: v.optional(text),
      layers: v.optional(text),
      replicas: v.number(),
      restarts: v.optional(v.array(text)),
      routes: v.optional(text),
      files: v.array(text),
    }),
  ),
  files: v.array(v.object({ path: text, fingerprint: text })),
});

const imageFact = v.object({ id: text, digests: v.nullable(v.array(text)) });
const containerFact = v.object({
  id: text,
  name: text,
  service: v.nullable(text),
  /** The folder from which compose created it. */
  folder: v.nullable(text),
  imageId: text,
  state: text,
  health: v.nullable(text),
  exitCode: v.number(),
  startedAt: text,
  restarts: v.number(),
  configHash: v.nullable(text),
  mounts: v.nullish(v.array(v.object({ Type: v.optional(text), Name: v.optional(text) }))),
});

/** The rule of `is_anonymous` in remote/volumes.sh. */
const isAnonymousVolume = ({ Type, Name = "" }: { Type?: string; Name?: string }) =>
  Type === "volume" && /^[0-9a-f]{64}$/.test(Name);

/** @returns nothing for a damaged line. */
function readVolume(line: string): CoveringVolume[] {
  const [service, volume, place] = line.split("|");
  const path = place === undefined ? undefined : queryUnescaped(place);
  return service && volume !== undefined && path !== undefined ? [{ service, volume, path }] : [];
}

/** @returns undefined for a damaged manifest. */
function readManifest(release: string, json: string | undefined): ReleaseManifest | undefined {
  const parsed = v.safeParse(v.pipe(text, v.parseJson(), manifestFile), json);
  return parsed.success && parsed.output.id === release ? parsed.output : undefined;
}

function read<T extends typeof imageFact | typeof containerFact>(fact: T, json: string): v.InferOutput<T> {
  const parsed = v.safeParse(v.pipe(text, v.parseJson(), fact as typeof containerFact), json);
  if (parsed.success) return parsed.output as v.InferOutput<T>;
  throw new RangeError(
    "docker's answer on the host cannot be read; run `everfresh doctor`, and check docker on the host",
  );
}

/** Removes members that are undefined. */
function defined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
