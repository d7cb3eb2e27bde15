import type { HostContainer, HostState } from "../../../../core/host/types";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

export const WEB_DIGEST = digest("a");
export const OTHER_DIGEST = digest("d");

export function container(service: string, overrides: Partial<HostContainer> = {}): HostContainer {
  return {
    id: service.padEnd(64, "0"),
    service,
    imageId: digest(service === "web" ? "b" : "c"),
    digests: service === "web" ? [WEB_DIGEST] : [],
    state: "running",
    exitCode: 0,
    startedAt: "2026-03-01T10:00:00Z",
    restarts: 0,
    configHash: `hash-of-${service}`,
    hasAnonymousVolume: false,
    ...overrides,
  };
}

/** A host on which nothing is deployed; `emptySince` tells one from another. */
export const empty = (emptySince = "engine 1"): HostState => ({
  proved: [],
  containers: [],
  tampered: [],
  damaged: [],
  hidden: [],
  covers: [],
  emptySince,
});

/** A host on which all is well: `web` is built, `db` a named image, `migrate` a one-shot that ended. */
export function calm(overrides: Partial<HostState> = {}): HostState {
  const containers = [container("web"), container("db"), container("migrate", { state: "exited" })];
  const image = (name: string) => ({ name, image: name, replicas: 1, files: [] });
  return {
    current: {
      id: "r1",
      project: "shop",
      tag: "t",
      deployedAt: "2026-03-01T10:00:05Z",
      who: "ann",
      from: "laptop",
      stack: "prod",
      services: [
        { ...image("web"), content: "e".repeat(64), digest: WEB_DIGEST },
        image("db"),
        image("migrate"),
      ],
      files: [],
    },
    token: "calm",
    lineage: "l",
    deployment: "d1",
    proved: containers.map(({ service, imageId, configHash, state }) => ({
      service,
      imageId,
      configHash,
      state: state === "exited" ? "exited" : "running",
    })),
    containers,
    tampered: [],
    damaged: [],
    hidden: [],
    covers: [],
    ...overrides,
  };
}

/** The same host with one service's container changed, or without it. */
export function withContainer(service: string, overrides: Partial<HostContainer> | undefined): HostState {
  const state = calm();
  const containers = state.containers.flatMap((one) =>
    one.service !== service ? [one] : overrides ? [{ ...one, ...overrides }] : [],
  );
  return { ...state, containers };
}
