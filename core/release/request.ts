import type { DeployRequest, HostState, Release } from "../host/types";
import { requestProblems } from "../host/validate";
import { registryHost, repositories } from "../images";
import { refuse } from "../problems";
import type { Host, Registry, Settings } from "../settings";
import { assembleRelease, type Ingredients } from "./assemble";
import type { Provenance } from "./deployed";

/** Who deploys what to which host, beside the settings. */
export type Deployment = Pick<DeployRequest, "release" | "token" | "lineage" | "who" | "from" | "stack"> & {
  host: Host;
};

/** The request that is sent to a host. */
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
    ...(registry && !registry.local ? { registry: loginOf(registry) } : {}),
  };
}

const loginOf = ({ pullAddress, username, password }: Registry) => ({
  address: registryHost(pullAddress),
  username,
  password,
});

/** Whether a host has this release from this very deployment, so that nothing will be deployed there. */
export const isDeployed = (
  { release, token }: Pick<DeployRequest, "release" | "token">,
  state: Pick<HostState, "current" | "token">,
): boolean => state.current?.id === ("kept" in release ? release.kept : release.id) && state.token === token;

/** Placeholders for what only a build or the state knows. */
const unknown = { id: "unknown", lineage: "", hash: "0".repeat(64) };

/**
 * Drafts the request for each host and checks it, before anything is built.
 *
 * @param hosts - each with the token that it would be given.
 * @throws Problems for everything that cannot be sent to a host.
 */
export function refuseRequests(
  ingredients: Ingredients,
  provenance: Provenance,
  hosts: readonly { host: Host; token: string }[],
  settings: Settings,
  stack: string,
): void {
  const release = draftRelease(ingredients, provenance, settings);
  const { who, from } = provenance;
  const { lineage } = unknown;
  refuse(
    hosts.flatMap(({ host, token }) =>
      requestProblems(deployRequest({ release, token, lineage, host, who, from, stack }, settings)),
    ),
  );
}

function draftRelease(
  ingredients: Ingredients,
  provenance: Provenance,
  { release, registry }: Settings,
): Release | { kept: string; project: string } {
  const { name: project, services } = ingredients.project;
  if (release !== undefined) return { kept: release, project };
  const built = services.flatMap(({ name, build }) => (build ? [name] : []));
  const digest = `sha256:${unknown.hash}`;
  // Without a registry nothing is built.
  const places = registry ? repositories(registry.pullAddress, project, built) : {};
  return assembleRelease(ingredients, {
    id: unknown.id,
    fingerprints: ingredients.files.map(() => unknown.hash),
    images: Object.fromEntries(
      Object.entries(places).map(([service, repository]) => [
        service,
        { content: unknown.hash, digest, ref: `${repository}@${digest}` },
      ]),
    ),
    layers: {},
    provenance,
  });
}
