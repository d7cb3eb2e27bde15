import { createHash } from "node:crypto";
import type { ComposeProject } from "../compose/project";
import type { HostState, ManifestService } from "../host/types";
import { own } from "../records";

/** Predicts what only a host can decide: which services it will recreate although they are to start first. */

/** Identifies a service's labels for Traefik: 16 hex digits. */
export function routesOf(service: string, { document }: ComposeProject): Pick<ManifestService, "routes"> {
  const labels = Object.entries(own(document.services, service)?.labels ?? {})
    .filter(([key]) => /^traefik\./i.test(key))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (labels.length === 0) return {};
  return { routes: createHash("sha256").update(JSON.stringify(labels)).digest("hex").slice(0, 16) };
}

/**
 * Says which services will be recreated although they are to start first, why, and what to do.
 *
 * @param rolled - the services that are to start first.
 */
export function hostRecreationNotes(
  project: ComposeProject,
  rolled: readonly string[],
  hosts: readonly { name: string; state: HostState }[],
): string[] {
  const notes = hosts.flatMap((host) =>
    rolled
      .filter((name) => host.state.containers.some(({ service }) => service === name))
      .flatMap((name) => {
        const why = obstacle(name, project, host);
        return why === undefined ? [] : [`${name}: is recreated, not started first: ${why}`];
      }),
  );
  return [...new Set(notes)];
}

/** The same rules as in remote/rollout.sh (`start_beside`) and remote/volumes.sh (`without_anonymous_volumes`). */
function obstacle(
  service: string,
  project: ComposeProject,
  { name, state: { current, containers, compose } }: { name: string; state: HostState },
): string | undefined {
  if (containers.some((container) => container.service === service && container.hasAnonymousVolume))
    return "it has data in an anonymous volume; give the volume a name";
  if (compose !== undefined && isTooOld(compose) && !own(project.document.services, service)?.deploy)
    return `docker compose ${compose} of host ${name} would later replace a container that was started beside another; install 2.19 or newer`;
  const { routes } = routesOf(service, project);
  const before = current?.services.find((one) => one.name === service)?.routes;
  if (routes !== undefined && before !== undefined && routes !== before)
    return "its labels for Traefik change, and Traefik drops a route that two containers describe differently; deploy this when a few seconds of downtime do no harm";
  return undefined;
}

/**
 * Until 2.18, `--scale` changes compose's hash of a service, unless the service has a `deploy` (`ServiceHash` in its
 * pkg/compose/hash.go).
 */
function isTooOld(compose: string): boolean {
  const [, major = "", minor = ""] = /^(\d+)\.(\d+)/.exec(compose) ?? [];
  return Number(major) === 2 && Number(minor) < 19;
}
