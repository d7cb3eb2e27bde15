import { load, names } from "../state";

/** The stand-ins are for the lab: they touch nothing of somebody's production. */

/** A machine, as a connection names it. */
export interface Machine {
  /** Where its sshd is. */
  host: string;
  port: number;
  /** One line, `ssh-ed25519 AAAA…`, which whoever answers there has to prove. */
  hostKey?: string;
}

/** Why the stand-ins do not deploy to these machines: one of them is no host of this checkout's labs. One line; undefined for none. */
export async function refusal(machines: readonly Machine[]): Promise<string | undefined> {
  const hosts = (await labs()).flatMap(({ hosts }) => hosts);
  const stranger = machines.find(
    ({ host, port, hostKey }) =>
      !hosts.some((known) => (known.address === host && known.port === port) || known.hostKey === hostKey),
  );
  return stranger && notOfTheLab(`${stranger.host}:${stranger.port}`, "host");
}

/** The same of a registry, `host:port`. */
export async function registryRefusal(address: string): Promise<string | undefined> {
  const known = (await labs()).some(({ registry }) => registry.address === address);
  return known ? undefined : notOfTheLab(address, "registry");
}

/** @throws Error with the reason, if there is one. */
export async function mustBeAllowed(refused: Promise<string | undefined>): Promise<void> {
  const reason = await refused;
  if (reason !== undefined) throw new Error(reason);
}

const notOfTheLab = (address: string, what: string) =>
  `pulumi: this is the engine with the lab's stand-ins, and ${address} is not a ${what} of the lab; ` +
  "install the official Pulumi (`curl -fsSL https://get.pulumi.com | sh`), then run `npm run setup`";

/** The labs of this checkout that came up. */
async function labs() {
  const all = await Promise.all((await names()).map((name) => load(name).catch(() => undefined)));
  return all.filter((lab) => lab !== undefined);
}
