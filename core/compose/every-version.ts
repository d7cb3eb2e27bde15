import { mapValues } from "../records";
import type { DeployNode, ServiceNode } from "./document";

/**
 * A service in forms that all versions of compose read alike. A host may have an older compose than this machine, where
 * `docker compose config` prints forms that compose 2.17 rejects or misreads.
 */
export function forEveryVersion(node: ServiceNode): ServiceNode {
  const { extra_hosts, devices, scale, ...rest } = node;
  const { depends_on } = node;
  const deploy = withTexts(node.deploy);
  return {
    ...rest,
    ...(deploy && { deploy }),
    ...(depends_on && { depends_on: mapValues(depends_on, withoutDefault) }),
    ...(extra_hosts && { extra_hosts: extra_hosts.map(withColon) }),
    ...(devices && { devices: devices.map(inShort) }),
    // Compose 2.17 reads a scale of 0 as no scale and would start a container.
    ...(scale === 0 ? { deploy: { ...deploy, replicas: 0 } } : scale !== undefined && { scale }),
  };
}

/** Compose before 2.20 does not know the key `required`. */
const withoutDefault = ({ required, ...how }: NonNullable<ServiceNode["depends_on"]>[string]) =>
  required === false ? { ...how, required } : how;

/** Compose 2.17 reads `host=address` as a host name without an address. */
const withColon = (host: string) => host.replace(/^([^=:]+)=/, "$1:");

/** Compose 2.17 knows only the short form of a device, which cannot hold a path with colons. */
function inShort(device: NonNullable<ServiceNode["devices"]>[number]) {
  if (typeof device === "string") return device;
  const { source, target, permissions, ...more } = device;
  const parts = [source, target, permissions];
  return parts.every((part) => part && !part.includes(":")) && Object.keys(more).length === 0
    ? parts.join(":")
    : device;
}

/** Compose 2.17 accepts only a string for `cpus`. */
function withTexts(deploy: DeployNode | undefined): DeployNode | undefined {
  if (!deploy?.resources) return deploy;
  const resources = mapValues(deploy.resources, (resource) =>
    typeof resource?.cpus === "number" ? { ...resource, cpus: String(resource.cpus) } : resource,
  );
  return { ...deploy, resources };
}
