import { createHash } from "node:crypto";
import { inOneLine } from "../printable";
import type { HostContainer, HostState, ManifestService } from "./types";

/** What follows from a host's state. */
export interface Judgement {
  /**
   * The host's own token while nothing has drifted; otherwise a text that names the drift. It stays the same until
   * something else happens on the host (preview and the `up` after it agree), and never equals an earlier token.
   */
  token: string;
  /** What a deployment would repair. */
  drift: string[];
  /** What a person should know, although a deployment would not change it. */
  notes: string[];
}

/**
 * Detects drift: compares what runs with what the host recorded when it was proved, never with the current
 * configuration. An unhealthy or restarting container is a note, because deploying it again would not heal it.
 *
 * @param known.release - the release that the stack last proved on this host. If an `up` was interrupted after the host
 *   was done, the host runs another. Empty when the stack cannot tell.
 * @param known.host - the stack's name for this host. A deployment under another name is removed by that name's teardown.
 */
export function judge(state: HostState, known: { release?: string; host?: string } = {}): Judgement {
  const notes: string[] = [];
  const note = (text: string) => notes.push(inOneLine(text));
  if (state.holder) {
    const { who, from, release, since } = state.holder;
    note(`${who} on ${from} has been deploying ${release} since ${since}`);
  }
  if (state.engineError !== undefined) {
    note(`docker does not answer: ${state.engineError}`);
    return { token: state.token ?? emptyToken(state), drift: [], notes };
  }
  if (!state.current) {
    return { token: emptyToken(state), drift: ["nothing is deployed"], notes };
  }
  // Differences now belong to the running deployment. It may end with another release, so the next one waits and then
  // proves its own.
  if (state.holder) {
    const underWay = [`deployment of ${state.holder.release} is under way`].map(inOneLine);
    return { token: driftToken(state, underWay), drift: underWay, notes };
  }

  const drift = [
    ...(state.unfinished
      ? [
          `deployment of ${state.unfinished.release} by ${state.unfinished.who} was cut off (${state.unfinished.since})`,
        ]
      : []),
    ...(known.host !== undefined && state.host !== undefined && known.host !== state.host
      ? [`it was deployed as host ${state.host}`]
      : []),
    ...otherRelease(state.current.id, known.release),
    ...state.damaged.map((file) => `${file} on the host is damaged`),
    ...state.tampered.map((path) => `${path} was changed on the host`),
    ...state.current.services.flatMap((service) => serviceDrift(service, state)),
    ...(state.current.services.length > 0 ? strangers(state) : []),
  ].map(inOneLine);
  for (const container of state.containers) ailments(container).forEach(note);
  for (const { service, volume, path } of state.hidden) {
    note(
      `${service}: ${volume ? `volume ${volume}` : "an anonymous volume"} hides files of its image in ${path}`,
    );
  }
  // Without a token there is drift: the proof is damaged.
  const calm = drift.length === 0 ? state.token : undefined;
  return { token: calm ?? driftToken(state, drift), drift, notes };
}

function otherRelease(runs: string, known: string | undefined): string[] {
  if (known === undefined || known === runs) return [];
  return known === ""
    ? ["what its last deployment answered cannot be read"]
    : [`release ${runs} runs, not ${known}`];
}

function serviceDrift(service: ManifestService, state: HostState): string[] {
  const containers = state.containers.filter((container) => container.service === service.name);
  const proved = state.proved.filter((container) => container.service === service.name);
  if (containers.length === 0 && hasFinished(service.name, state)) return [];
  if (containers.length < service.replicas) {
    return containers.length === 0
      ? [`${service.name} is missing`]
      : [`${service.name} has ${containers.length} of ${service.replicas} containers`];
  }
  if (containers.length > service.replicas) {
    return [`${service.name} has ${containers.length} containers instead of ${service.replicas}`];
  }
  const found = containers.flatMap((container) => {
    const right = service.digest
      ? container.digests.includes(service.digest) || container.imageId === service.digest
      : proved.some(({ imageId }) => imageId === container.imageId);
    if (!right)
      return [
        `${service.name} runs another image (${container.imageId.slice(0, 19)}, since ${container.startedAt})`,
      ];
    if (!proved.some(({ configHash }) => configHash === container.configHash)) {
      return [`${service.name} was started with another configuration (${container.startedAt})`];
    }
    const ended = ["exited", "dead", "created", "paused"].includes(container.state);
    if (ended && !(container.state === "exited" && proved.some(({ state }) => state === "exited"))) {
      return [
        `${service.name} is ${container.state}${container.state === "exited" ? ` with status ${container.exitCode}` : ""}`,
      ];
    }
    return [];
  });
  return [...new Set(found)];
}

/** Whether a service is a one-shot that had ended when it was proved: its container may have been removed. */
export const hasFinished = (service: string, { proved }: HostState): boolean =>
  proved.some((container) => container.service === service && container.state === "exited");

export const restarted = (count: number) => `restarted ${count} ${count === 1 ? "time" : "times"}`;

/** Names services with containers that the release does not have. */
function strangers(state: HostState): string[] {
  const known = new Set(state.current?.services.map(({ name }) => name));
  const names = state.containers.map(({ service }) => service).filter((service) => !known.has(service));
  return [...new Set(names)].map((service) => `${service} is not part of the release`);
}

function ailments(container: HostContainer): string[] {
  if (container.state === "restarting") {
    return [
      `${container.service} is restarting (exit status ${container.exitCode}, ${container.restarts} times)`,
    ];
  }
  const { service, restartsSinceProof = 0 } = container;
  return [
    ...(container.health === "unhealthy" ? [`${service} is unhealthy`] : []),
    ...(restartsSinceProof > 0 ? [`${service} ${restarted(restartsSinceProof)} since it was proved`] : []),
  ];
}

/**
 * The new token includes the deployment that wrote the stored one: the same drift after another deployment gives another
 * token, so the trigger changes each time without a clock. If the proof that holds the token is damaged, the host's state
 * tells one time from the next, as it does where nothing is deployed.
 */
function driftToken(state: HostState, drift: string[]): string {
  const after = digest(`${state.deployment}\n${state.token}${state.emptySince ?? ""}`);
  return `drift: ${drift.join(", ")} (after ${after})`;
}

/** A host without records is told from an earlier one by its state: the engine, and since when it is empty. */
function emptyToken(state: HostState): string {
  return `nothing is deployed (${digest(state.emptySince ?? state.unfinished?.since ?? "")})`;
}

const digest = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 8);
