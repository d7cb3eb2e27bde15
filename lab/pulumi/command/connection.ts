import { isObject, type Properties, revealed, secretOutput, type Value } from "../plugin/properties";

/** How to log in to a machine. */
export interface Endpoint {
  host: string;
  port: number;
  user: string;
  /** One line, `ssh-ed25519 AAAA…`. */
  hostKey: string;
  /** PEM text. Default: the SSH agent's keys. */
  privateKey?: string;
  /** How many failed attempts to connect are allowed; -1 for no limit. */
  dialErrorLimit: number;
  /** Seconds; 0 for no limit. */
  perDialTimeout: number;
}

export interface Connection extends Endpoint {
  /** The machine through which the host is reached. */
  proxy?: Endpoint;
}

const endpoint = {
  host: true,
  port: true,
  user: true,
  hostKey: true,
  privateKey: true,
  dialErrorLimit: true,
  perDialTimeout: true,
} as const;

/** The inputs of a connection that everfresh uses. */
export const connectionShape = { ...endpoint, proxy: endpoint };

/** Fills in defaults. The connection is secret as a whole, and so is each key in it. */
export function checkedConnection(given: Value): Value {
  const value = revealed(given);
  return secretOutput(isObject(value) ? checkedEndpoint(value) : value);
}

function checkedEndpoint({ proxy, ...given }: Properties): Properties {
  const { privateKey } = given;
  return {
    user: "root",
    port: 22,
    dialErrorLimit: 10,
    perDialTimeout: 15,
    ...given,
    ...(privateKey === undefined ? {} : { privateKey: secretOutput(privateKey) }),
    ...(proxy === undefined ? {} : { proxy: isObject(proxy) ? checkedEndpoint(proxy) : proxy }),
  };
}

/** The paths of missing host keys. Without one, the official plugin accepts any host. */
export function withoutHostKey(given: Value): string[] {
  const value = revealed(given);
  if (!isObject(value)) return [];
  const missing = value.hostKey === undefined ? ["connection.hostKey"] : [];
  const { proxy } = value;
  return isObject(proxy) && proxy.hostKey === undefined ? [...missing, "connection.proxy.hostKey"] : missing;
}
