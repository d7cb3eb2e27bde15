/** Keeps the stand-ins to the lab: they refuse every other host and registry. */
import { load, names } from "../state";

/** A machine, as a connection names it. */
export interface Machine {
  /** Address of its SSH server. */
  host: string;
  port: number;
  /** One line, `ssh-ed25519 AAAA…`, checked when connecting. */
  hostKey?: string;
}

/** Says in one line which of these machines is not a host of this checkout's labs; undefined if all are. */
export async function refusal(machines: readonly Machine[]): Promise<string | undefined> {
  const hosts = (await labs()).flatMap(({ hosts }) => hosts);
  const stranger = machines.find(
    ({ host, port, hostKey }) =>
      !hosts.some((known) => (known.address === host && known.port === port) || known.hostKey === hostKey),
  );
  return stranger && notOfTheLab(`${stranger.host}:${stranger.port}`, "host");
}

/**
 * Says in one line that a registry, `host:port`, is not a lab's; undefined if it is, or if it is this machine's own, from
 * which only the configured hosts can read.
 */
export async function registryRefusal(address: string): Promise<string | undefined> {
  const known = (await labs()).some(({ registry }) => registry.address === address);
  return known || (await isLocalRegistry(address)) ? undefined : notOfTheLab(address, "registry");
}

/** Whether it is the registry that everfresh runs on this machine (adapters/local-registry.ts), which marks its answers. */
async function isLocalRegistry(address: string): Promise<boolean> {
  if (!/^(127\.0\.0\.1|localhost):\d+$/.test(address)) return false;
  const answer = await fetch(`http://${address}/v2/`).catch(() => undefined);
  return answer?.headers.has("x-everfresh-registry") === true;
}

/** @throws Error with the refusal, if there is one. */
export async function mustBeAllowed(refused: Promise<string | undefined>): Promise<void> {
  const reason = await refused;
  if (reason !== undefined) throw new Error(reason);
}

const notOfTheLab = (address: string, what: string) =>
  `pulumi: this is the engine with the lab's stand-ins, and ${address} is not a ${what} of the lab; ` +
  "install the official Pulumi (`curl -fsSL https://get.pulumi.com | sh`), then run `npm run setup`";

/** This checkout's labs, except those that never came up. */
async function labs() {
  const all = await Promise.all((await names()).map((name) => load(name).catch(() => undefined)));
  return all.filter((lab) => lab !== undefined);
}
