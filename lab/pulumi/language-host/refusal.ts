import { type Machine, stranger, wayOut } from "../lab-only";

/**
 * Why a program is not run: its stack has hosts that are not the lab's. One line; undefined for none.
 *
 * @param hosts - the stack's `everfresh:hosts`, JSON. What is no list of hosts has nothing to be protected; the program
 * itself says what is wrong with it.
 */
export async function refusal(hosts: string | undefined): Promise<string | undefined> {
  const other = await stranger(machinesOf(hosts));
  return (
    other &&
    `everfresh:hosts: ${other.host}:${other.port} is no host of the lab, and this Pulumi has only the lab's stand-ins for its plugins; ${wayOut}`
  );
}

function machinesOf(hosts = "[]"): Machine[] {
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
