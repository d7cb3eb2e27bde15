import type { Machine } from "../lab-only";

/**
 * The machines that a stack deploys to.
 *
 * @param hosts - its `everfresh:hosts`, JSON. What is no list of hosts names none; the program itself says what is wrong.
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
