import { parse } from "yaml";
import type { NetworkNode, ServiceNode } from "../compose/document";
import { publishes } from "../compose/publishes";
import { definitionLabel } from "../compose/render";
import { own } from "../records";
import type { ReleaseService } from "./types";
import { queryEscaped } from "./url-query";

/** What a rendered compose file says that a host must know before compose does. */
export interface Rendered {
  networks?: Record<string, NetworkNode | null>;
  volumes?: Record<string, RenderedVolume | null>;
  services?: Record<string, RenderedService | null>;
}

interface RenderedVolume {
  name?: string;
  external?: boolean;
  driver?: string;
  driver_opts?: Record<string, string | number>;
}

interface RenderedService extends Pick<ServiceNode, "scale" | "deploy" | "network_mode"> {
  container_name?: string;
  ports?: PublishedPort[];
  networks?: Record<string, { ipv4_address?: string; ipv6_address?: string } | null>;
  depends_on?: Record<string, { condition?: string } | null>;
}

interface PublishedPort {
  published?: string;
  protocol?: string;
  host_ip?: string;
}

export const readRendered = (compose: string): Rendered => parse(compose) ?? {};

/** `ends`: others wait for its end. `lasts`: it is to keep running. Neither: it may end, with 0. */
export type Course = "ends" | "lasts" | "";

export function courseOf({ name, verify }: ReleaseService, { services }: Rendered): Course {
  const isAwaited = Object.values(services ?? {}).some(
    (other) => own(other?.depends_on, name)?.condition === "service_completed_successfully",
  );
  if (isAwaited) return "ends";
  // Who waits for requests or commands is no one-shot, whatever it exits with.
  const lasts = (own(services, name)?.ports ?? []).length > 0 || verify.some(({ kind }) => kind !== "file");
  return lasts ? "lasts" : "";
}

const conditions: Record<string, string> = {
  service_healthy: "healthy",
  service_completed_successfully: "ended",
};

/** What a service waits for before it starts: `<service>=started`, `=healthy` or `=ended`. */
export function needsOf({ name }: ReleaseService, { services }: Rendered): string[] {
  return Object.entries(own(services, name)?.depends_on ?? {})
    .filter(([needed]) => Object.hasOwn(services!, needed))
    .map(([needed, how]) => `${needed}=${conditions[how?.condition ?? ""] ?? "started"}`);
}

/**
 * What only one running container of a host can have: `port/<protocol>/<port>/<address>`, `name/<container name>`,
 * `ip/<address>`.
 */
export function claimsOf({ name }: ReleaseService, { services }: Rendered): string[] {
  const { container_name, ports = [], networks } = own(services, name) ?? {};
  const addresses = Object.values(networks ?? {}).flatMap((network) => [
    network?.ipv4_address,
    network?.ipv6_address,
  ]);
  const claims = [
    ...(container_name ? [`name/${container_name}`] : []),
    ...ports.flatMap(({ published, protocol = "tcp", host_ip = "" }) =>
      /^[1-9]\d*$/.test(`${published ?? ""}`) ? [`port/${protocol}/${published}/${host_ip}`] : [],
    ),
    ...addresses.flatMap((address) => (address ? [`ip/${address}`] : [])),
  ];
  return claims.filter((claim) => /^[\w./:%-]+$/.test(claim));
}

/**
 * The ports of the host that a rendered compose file publishes, for `check_ports` in remote/preflight.sh:
 * `protocol|first|last|address`. Compose resolves ranges, but for one that docker is to choose a single port from.
 */
export function portLines({ services }: Rendered): string[] {
  const ports = Object.values(services ?? {}).flatMap((service) =>
    service && publishes(service) ? (service.ports ?? []) : [],
  );
  const lines = ports.flatMap(({ published, protocol = "tcp", host_ip = "" }) => {
    const [, first, last = first] = /^([1-9]\d*)(?:-(\d+))?$/.exec(`${published ?? ""}`) ?? [];
    return first && /^(tcp|udp)$/.test(protocol) ? [`${protocol}|${first}|${last}|${host_ip}`] : [];
  });
  return [...new Set(lines)];
}

/**
 * The networks of a rendered compose file, for `check_kept` in remote/preflight.sh: `name|external`, or what the
 * label says that it was made from.
 */
export function networkLines({ networks }: Rendered): string[] {
  return Object.values(networks ?? {}).flatMap((network) =>
    network?.name
      ? [`${network.name}|${network.external ? "external" : (network.labels?.[definitionLabel] ?? "")}`]
      : [],
  );
}

/**
 * The volumes of a rendered compose file, for `check_kept` in remote/preflight.sh: `name|external`, or
 * `name|driver|options`, as docker's facts have them. Names that the facts could not carry are not checked.
 */
export function volumeLines({ volumes }: Rendered): string[] {
  return Object.values(volumes ?? {}).flatMap((volume) => {
    if (!volume?.name || /[\p{Cc}|]/u.test(volume.name)) return [];
    if (volume.external) return [`${volume.name}|external`];
    // In the order of Go's templates.
    const options = Object.entries(volume.driver_opts ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    const words = options.map(([key, value]) => `${queryEscaped(key)}=${queryEscaped(`${value}`)} `);
    return [`${volume.name}|${queryEscaped(volume.driver || "local")}|${words.join("")}`];
  });
}
