import { isObject, type Properties, revealed, secretOutput, type Value } from "../plugin/properties";

/** How to log in to one machine. */
export interface Endpoint {
  host: string;
  port: number;
  user: string;
  /** One line, `ssh-ed25519 AAAA…`. */
  hostKey: string;
  /** PEM text; without it the SSH agent is asked. */
  privateKey?: string;
  /** How many failed attempts are tolerated; -1 for any number. */
  dialErrorLimit: number;
  /** Seconds; 0 for no limit. */
  perDialTimeout: number;
}

export interface Connection extends Endpoint {
  /** The machine through which the other one is reached. */
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

/** The connection with its defaults, as a whole secret, and each secret in it marked by itself. */
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

/** The endpoints of a connection without a key of the host: a stranger could answer there. */
export function withoutHostKey(given: Value): string[] {
  const value = revealed(given);
  if (!isObject(value)) return [];
  const missing = value.hostKey === undefined ? ["connection.hostKey"] : [];
  const { proxy } = value;
  return isObject(proxy) && proxy.hostKey === undefined ? [...missing, "connection.proxy.hostKey"] : missing;
}
