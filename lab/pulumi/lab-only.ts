import { load, names } from "../state";

/** A machine, as a connection names it. */
export interface Machine {
  /** Where its sshd is. */
  host: string;
  port: number;
  /** One line, `ssh-ed25519 AAAA…`, which whoever answers there has to prove. */
  hostKey?: string;
}

/** How to leave the stand-ins: what each of their refusals ends with. */
export const wayOut =
  "install the official Pulumi (`curl -fsSL https://get.pulumi.com | sh`), then run `npm run setup`";

/** The first of these machines that is no host of this checkout's labs. */
export async function stranger(machines: readonly Machine[]): Promise<Machine | undefined> {
  const hosts = (await labs()).flatMap(({ hosts }) => hosts);
  return machines.find(
    ({ host, port, hostKey }) =>
      !hosts.some((known) => (known.address === host && known.port === port) || known.hostKey === hostKey),
  );
}

/**
 * The stand-ins are for the lab: they touch nothing of somebody's production.
 *
 * @throws Error when one of the machines is not a host of the lab.
 */
export async function mustBeOfTheLab(machines: readonly Machine[]): Promise<void> {
  const other = await stranger(machines);
  if (other)
    throw new Error(
      `${other.host}:${other.port}: is no host of the lab, and these are the lab's stand-ins for Pulumi's plugins; ${wayOut}`,
    );
}

/** @throws Error when the registry, `host:port`, is not one of the lab's. */
export async function mustBeRegistryOfTheLab(address: string): Promise<void> {
  if ((await labs()).some(({ registry }) => registry.address === address)) return;
  throw new Error(
    `${address}: is no registry of the lab, and these are the lab's stand-ins for Pulumi's plugins; ${wayOut}`,
  );
}

async function labs() {
  const all = await Promise.all((await names()).map((name) => load(name).catch(() => undefined)));
  return all.filter((lab) => lab !== undefined);
}
