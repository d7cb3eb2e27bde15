import { createHash } from "node:crypto";
import type { ComposeProject } from "../compose/project";
import type { ManifestService } from "../host/types";
import { own } from "../records";

/**
 * Traefik reads its routes from the labels of containers. It drops a route, service or middleware that two containers describe
 * differently, so a service whose labels for it change cannot start first. On the hosts, `agrees_on_routes` in remote/rollout.sh
 * decides; here it is foretold.
 */

/** What identifies a service's labels for Traefik: 16 hex digits. */
export function routesOf(service: string, { document }: ComposeProject): Pick<ManifestService, "routes"> {
  const labels = Object.entries(own(document.services, service)?.labels ?? {})
    .filter(([key]) => /^traefik\./i.test(key))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (labels.length === 0) return {};
  return { routes: createHash("sha256").update(JSON.stringify(labels)).digest("hex").slice(0, 16) };
}

/**
 * Says which services will be recreated although they are to start first.
 *
 * @param rolled - the services that start first.
 * @param running - the services as they run on the hosts.
 */
export const routeNotes = (
  project: ComposeProject,
  rolled: readonly string[],
  running: readonly ManifestService[],
): string[] =>
  rolled.flatMap((service) => {
    const { routes } = routesOf(service, project);
    const differs = (other: ManifestService) =>
      other.name === service && other.routes !== undefined && other.routes !== routes;
    return routes !== undefined && running.some(differs)
      ? [
          `${service}: is recreated, not started first: its labels for Traefik change, and Traefik drops a route that two containers describe differently; deploy this when a few seconds without an answer do no harm`,
        ]
      : [];
  });
