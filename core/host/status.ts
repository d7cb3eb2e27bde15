import { hasFinished, type Judgement, judge } from "./judge";
import type { HostContainer, HostState, ReleaseManifest } from "./types";

/** What `everfresh status --json` prints for one host. */
export interface HostStatus {
  /** The release that was proved last; absent when nothing is deployed. */
  release?: string;
  /** RFC 3339, UTC, the host's clock; and by whom. */
  deployedAt?: string;
  who?: string;
  from?: string;
  stack?: string;
  commit?: string;
  dirty?: boolean;
  services: ServiceStatus[];
  drift: string[];
  notes: string[];
  /** Why docker could not be asked; `services` then does not describe the current state. */
  engineError?: string;
}

export interface ServiceStatus {
  service: string;
  /** Absent when it is missing. One line per container of a service. */
  container?: string;
  /** The image's digest, or its name if the release has no digest for it. */
  expected: string;
  /** The running image's digest, or its id if the host knows no digest for it. */
  running?: string;
  startedAt?: string;
  /** `healthy`, `unhealthy`, `starting`; the container's state if it has no healthcheck; `missing`. */
  health: string;
  /** How often docker restarted it since the proof; absent if unknown. */
  restarts?: number;
  /** Content hash of a built service, compared with the working tree's. */
  content?: string;
  /** Whether it runs what was deployed, and works. */
  proved: boolean;
}

/** Converts a host's state to the form that people and scripts read. */
export function statusOf(state: HostState, { drift, notes }: Judgement = judge(state)): HostStatus {
  const { current } = state;
  const services = (current?.services ?? []).flatMap((service): ServiceStatus[] => {
    const { name, digest, content } = service;
    const expected = digest ?? service.image;
    const containers = state.containers.filter((container) => container.service === name);
    if (containers.length === 0) {
      const known = state.engineError === undefined;
      const finished = known && hasFinished(name, state);
      const health = !known ? "unknown" : finished ? "exited" : "missing";
      return [{ service: name, expected, content, health, proved: finished }];
    }
    return containers.map((container) => ({
      service: name,
      container: container.id,
      expected,
      running: runningImage(container, service),
      startedAt: container.startedAt,
      health: container.health ?? container.state,
      restarts: container.restartsSinceProof,
      content,
      proved: works(container) && asProved(container, service, state),
    }));
  });
  const { deployedAt, who, from, stack, commit, dirty } = current ?? {};
  const deployed = current && { release: current.id, deployedAt, who, from, stack, commit, dirty };
  return { ...deployed, services, drift, notes, engineError: state.engineError };
}

type Service = ReleaseManifest["services"][number];

function runningImage(container: HostContainer, { digest, image }: Service): string {
  if (digest !== undefined) {
    return container.digests.includes(digest) ? digest : (container.digests[0] ?? container.imageId);
  }
  return (
    container.digests.find((known) => image.endsWith(`@${known}`)) ??
    container.digests[0] ??
    container.imageId
  );
}

const works = ({ state, health, exitCode }: HostContainer) =>
  state === "running" ? health === undefined || health === "healthy" : state === "exited" && exitCode === 0;

function asProved(container: HostContainer, { name, digest }: Service, { proved }: HostState): boolean {
  const before = proved.filter(({ service }) => service === name);
  const image = digest
    ? container.digests.includes(digest) || container.imageId === digest
    : before.some(({ imageId }) => imageId === container.imageId);
  const ended = container.state === "exited" ? "exited" : "running";
  return (
    image && before.some(({ configHash, state }) => configHash === container.configHash && state === ended)
  );
}
