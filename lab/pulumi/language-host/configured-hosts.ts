import type { Machine } from "../lab-only";

/**
 * The machines that a stack deploys to.
 *
 * @param hosts - value of `everfresh:hosts`, JSON. Anything but a list of hosts gives none: the program reports the mistake.
 */
export function configuredHosts(hosts = "[]"): Machine[] {
  try {
    const list: unknown = JSON.parse(hosts);
    if (!Array.isArray(list)) return [];
    return list
      .filter((host) => typeof host?.address === "string")
      .map(({ address, port = 22, hostKey }) => ({ host: address, port: Number(port), hostKey }));
  } catch {
    return [];
  }
}
