import type { DeployRequest, Release } from "../host/types";
import { requestProblems } from "../host/validate";
import { registryHost, repositories } from "../images";
import { refuse } from "../problems";
import type { Host, Settings } from "../settings";
import { assembleRelease, type Ingredients } from "./assemble";
import type { Provenance } from "./deployed";

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

/** In the place of what only a build or the state tells. */
const unknown = { id: "unknown", lineage: "", hash: "0".repeat(64) };

/**
 * Drafts what each host would be asked, before anything is built for it.
 *
 * @param hosts - with the token that each would be given.
 * @throws Problems for all that cannot be carried to a host.
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
