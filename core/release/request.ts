import type { DeployRequest } from "../host/types";
import { registryHost } from "../images";
import type { Host, Settings } from "../settings";

/** Who deploys what where, beside the settings. */
export type Deployment = Pick<DeployRequest, "release" | "token" | "lineage" | "who" | "from" | "stack"> & {
  host: Host;
};

/** What a host is asked to do. */
export function deployRequest({ host, ...deployment }: Deployment, settings: Settings): DeployRequest {
  const { registry, remoteDir, takeOver, keepReleases, lockWait, healthTimeout, settle } = settings;
  return {
    ...deployment,
    host: host.name,
    remoteDir,
    takeOver,
    keepReleases,
    lockWait,
    healthTimeout,
    settle,
    ...(registry ? { registry: { ...registry, address: registryHost(registry.pullAddress) } } : {}),
  };
}
