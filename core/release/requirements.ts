import type { NetworkNode, ServiceNode } from "../compose/document";
import { publishes } from "../compose/publishes";
import { definitionLabel } from "../compose/render";
import type { Check, Claim, HostPort, Lifetime, Need, ReleaseNetwork, ReleaseVolume } from "../host/types";
import { own } from "../records";

/** What a rendered compose document requires of a host. The host checks it before compose does anything. */
export interface Requirements {
  networks: ReleaseNetwork[];
  volumes: ReleaseVolume[];
  ports: HostPort[];
}

/** The part of a rendered document that is read here. */
export interface RenderedDocument {
  networks?: Record<string, NetworkNode | null>;
  volumes?: Record<string, VolumeDefinition | null>;
  services?: Record<string, RenderedService | null>;
}

interface VolumeDefinition {
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

export function requirementsOf(document: RenderedDocument): Requirements {
  return { networks: networksOf(document), volumes: volumesOf(document), ports: portsOf(document) };
}

/** How a service's containers live, what they wait for, and what only one of them can have. */
export function behaviourOf(
  name: string,
  verify: readonly Check[],
  document: RenderedDocument,
): { lifetime: Lifetime; needs: Need[]; claims: Claim[] } {
  return {
    lifetime: lifetimeOf(name, verify, document),
    needs: needsOf(name, document),
    claims: claimsOf(own(document.services, name) ?? {}),
  };
}

function lifetimeOf(name: string, verify: readonly Check[], { services }: RenderedDocument): Lifetime {
  const isAwaited = Object.values(services ?? {}).some(
    (other) => own(other?.depends_on, name)?.condition === "service_completed_successfully",
  );
  if (isAwaited) return "ends";
  // A container that serves requests or runs commands is not a one-shot, whatever its exit status.
  const serves = (own(services, name)?.ports ?? []).length > 0 || verify.some(({ kind }) => kind !== "file");
  return serves ? "lasts" : "either";
}

const conditions: Record<string, Need["until"]> = {
  service_healthy: "healthy",
  service_completed_successfully: "ended",
};

function needsOf(name: string, { services }: RenderedDocument): Need[] {
  return Object.entries(own(services, name)?.depends_on ?? {})
    .filter(([needed]) => Object.hasOwn(services!, needed))
    .map(([service, how]) => ({ service, until: conditions[how?.condition ?? ""] ?? "started" }));
}

function claimsOf({ container_name, ports = [], networks }: RenderedService): Claim[] {
  const addresses = Object.values(networks ?? {}).flatMap((network) => [
    network?.ipv4_address,
    network?.ipv6_address,
  ]);
  return [
    ...(container_name ? [{ kind: "name" as const, name: container_name }] : []),
    ...ports.flatMap(({ published, protocol = "tcp", host_ip = "" }) =>
      /^[1-9]\d*$/.test(`${published ?? ""}`)
        ? [{ kind: "port" as const, protocol, port: Number(published), address: host_ip }]
        : [],
    ),
    ...addresses.flatMap((address) => (address ? [{ kind: "address" as const, address }] : [])),
  ];
}

/** Compose resolves port ranges, except a range from which docker chooses a single port. */
function portsOf({ services }: RenderedDocument): HostPort[] {
  const ports = Object.values(services ?? {}).flatMap((service) =>
    service && publishes(service) ? (service.ports ?? []) : [],
  );
  return ports.flatMap(({ published, protocol = "tcp", host_ip = "" }) => {
    const [, first, last = first] = /^([1-9]\d*)(?:-(\d+))?$/.exec(`${published ?? ""}`) ?? [];
    return first && (protocol === "tcp" || protocol === "udp")
      ? [{ protocol, first: Number(first), last: Number(last), address: host_ip }]
      : [];
  });
}

function networksOf({ networks }: RenderedDocument): ReleaseNetwork[] {
  return Object.values(networks ?? {}).flatMap((network) => {
    if (!network?.name) return [];
    const { name, external = false, labels } = network;
    const definition = labels?.[definitionLabel];
    return [{ name, external, ...(definition === undefined ? {} : { definition }) }];
  });
}

function volumesOf({ volumes }: RenderedDocument): ReleaseVolume[] {
  return Object.values(volumes ?? {}).flatMap((volume) => {
    if (!volume?.name) return [];
    const { name, external = false, driver, driver_opts = {} } = volume;
    return [{ name, external, driver: driver || "local", options: driver_opts }];
  });
}
