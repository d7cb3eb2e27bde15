import type { ComposeDocument, ServiceNode } from "../compose/document";
import type { Strategy } from "../compose/options";
import type { ComposeProject, ComposeService } from "../compose/project";
import { publishes } from "../compose/publishes";
import type { Rollout } from "../host/types";
import { own } from "../records";

/** How the containers of one service are replaced. */
export type RolloutDecision =
  | { kind: "start-first"; rollout: Rollout }
  | { kind: "recreate" }
  /** Start-first was asked for, but two of its containers cannot run, or cannot be told apart, at the same time. */
  | { kind: "unable"; why: string; todo: string; chosen: boolean };

export type RolloutDecisions = Readonly<Record<string, RolloutDecision>>;

/**
 * Decides for each service how its containers are replaced.
 *
 * @param strategy - of the services that do not choose one themselves.
 * @param hostPaths - the hosts' own paths that the project mounts, by the source of the bind mount.
 */
export const decideRollouts = (
  project: ComposeProject,
  strategy: Strategy,
  hostPaths: ReadonlyMap<string, unknown>,
): RolloutDecisions =>
  Object.fromEntries(
    project.services.map((service) => [service.name, decide(service, project, strategy, hostPaths)]),
  );

function decide(
  service: ComposeService,
  project: ComposeProject,
  strategy: Strategy,
  hostPaths: ReadonlyMap<string, unknown>,
): RolloutDecision {
  const { strategy: choice, drain, observe } = service.rollout;
  if ((choice ?? strategy) === "recreate") return { kind: "recreate" };
  const chosen = choice !== undefined;
  const obstacle =
    uniqueClaim(service, project) ??
    (chosen ? undefined : sharedData(service, project, hostPaths)) ??
    noReadiness(service, project);
  if (obstacle) return { kind: "unable", ...obstacle, chosen };
  return { kind: "start-first", rollout: { observe, ...(drain ? { drain } : {}) } };
}

interface Obstacle {
  why: string;
  todo: string;
}

/** What only one container of a service can have, or be. */
function uniqueClaim({ name, imageVolumes }: ComposeService, project: ComposeProject): Obstacle | undefined {
  const node = own(project.document.services, name)!;
  const port = publishes(node)
    ? (node.ports ?? []).find(({ published }) => /^[1-9]\d*$/.test(`${published ?? ""}`))
    : undefined;
  if (port)
    return {
      why: `only one container can have port ${port.published} of the host`,
      todo: "put a proxy in front of it that publishes the port (docs/rollouts.md has complete examples)",
    };
  if (node.container_name)
    return {
      why: `only one container can be called ${node.container_name}`,
      todo: "remove `container_name`",
    };
  const mode = node.network_mode ?? "";
  if (/^(host|none|service:|container:)/.test(mode))
    return {
      why: `\`network_mode: ${mode}\` gives its containers no network address of their own`,
      todo: "remove `network_mode`",
    };
  const networks = Object.values(node.networks ?? {}) as ({ [key: string]: unknown } | null)[];
  const fixed = ["ipv4_address", "ipv6_address", "mac_address"].find((key) =>
    networks.some((network) => network?.[key]),
  );
  if (fixed) return { why: "only one container can have its fixed address", todo: `remove \`${fixed}\`` };
  const sharer = Object.entries(project.document.services).find(([, other]) => joins(other, name));
  if (sharer)
    return {
      why: `${sharer[0]} runs inside its container (\`${joins(sharer[1], name)}\`)`,
      todo: "connect the two by a network instead",
    };
  return exclusiveVolume(node, project, imageVolumes);
}

/** How a service runs inside the container of another one. */
function joins(node: ServiceNode, service: string): string | undefined {
  const key = ["network_mode", "pid", "ipc"].find((key) => node[key] === `service:${service}`);
  if (key) return `${key}: service:${service}`;
  const from = (node.volumes_from as string[] | undefined)?.some((entry) => entry.split(":")[0] === service);
  return from ? "volumes_from" : undefined;
}

function exclusiveVolume(
  { volumes = [] }: ServiceNode,
  { document }: ComposeProject,
  imageVolumes: readonly string[],
): Obstacle | undefined {
  for (const { type, source, target } of volumes) {
    if (type !== "volume" || imageVolumes.includes(target)) continue;
    if (source === undefined)
      return {
        why: `the data of its anonymous volume at ${target} would not be in the new container`,
        todo: "give the volume a name",
      };
    if (isExclusive(document.volumes, source))
      return {
        why: `volume ${source} is marked as exclusive`,
        todo: "leave it so if only one container may use the volume at a time",
      };
  }
  return undefined;
}

/** Whether a volume says that only one container may use it at a time. */
const isExclusive = (volumes: ComposeDocument["volumes"], name: string): boolean | undefined =>
  (own(volumes, name)?.["x-everfresh"] as { exclusive?: boolean } | undefined)?.exclusive;

/** What a service writes to that two writers at once may damage. Choosing start-first for the service itself says that they do not. */
function sharedData(
  { name, imageVolumes, replicas }: ComposeService,
  { document, files }: ComposeProject,
  hostPaths: ReadonlyMap<string, unknown>,
): Obstacle | undefined {
  if (replicas > 1) return undefined;
  const { volumes = [] } = own(document.services, name)!;
  const isShipped = (source: string) => files.some(({ key }) => key === source) && !hostPaths.has(source);
  const found = volumes.find(({ type, source = "", target, read_only }) => {
    if (read_only) return false;
    if (type === "bind") return !isShipped(source);
    return (
      type === "volume" &&
      ![source, target].some((it) => imageVolumes.includes(it)) &&
      isExclusive(document.volumes, source) !== false
    );
  });
  return (
    found && {
      why: `it writes to ${found.type === "bind" ? found.target : `volume ${found.source}`}, which two containers at once may damage`,
      todo: "set x-everfresh.strategy of the service if that is safe",
    }
  );
}

/** Why nobody could tell when a new container is ready. */
function noReadiness({ name }: ComposeService, { document }: ComposeProject): Obstacle | undefined {
  const check = own(document.services, name)!.healthcheck as
    | { disable?: boolean; test?: string | string[] }
    | undefined;
  const test = [check?.test ?? []].flat();
  if (!check?.disable && test.length > 0 && test[0] !== "NONE") return undefined;
  return {
    why: "it has no healthcheck that tells when a new container can take requests",
    todo: "add a `healthcheck`",
  };
}

/** The services that are rolled out, with how. */
export const rolloutsOf = (decisions: RolloutDecisions): Record<string, Rollout> =>
  Object.fromEntries(
    Object.entries(decisions).flatMap(([name, decision]) =>
      decision.kind === "start-first" ? [[name, decision.rollout]] : [],
    ),
  );

/**
 * Says which services are recreated although start-first was asked for, why, and what to change.
 *
 * @param chosen - the services that asked for it themselves; otherwise those that the stack's strategy asks it of.
 */
export const recreationNotes = (decisions: RolloutDecisions, chosen: boolean): string[] =>
  Object.entries(decisions).flatMap(([name, decision]) =>
    decision.kind === "unable" && decision.chosen === chosen
      ? [`${name}: is recreated, not started first: ${decision.why}; ${decision.todo}`]
      : [],
  );
