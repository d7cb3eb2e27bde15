import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, ParsedKey } from "ssh2";
import type { Connection, Endpoint } from "./connection";

/**
 * Connects to a host, through its proxy if it has one, and checks each one's key.
 *
 * @param progress - called for each failed attempt.
 * @throws Error with the message of Go's `golang.org/x/crypto/ssh`, which the official plugin uses.
 */
export async function dial(connection: Connection, progress: (line: string) => void): Promise<Client> {
  const { proxy } = connection;
  if (!proxy) return retried(connection, "Dial", progress, () => connect(connection));
  try {
    const jump = await retried(proxy, "Dial proxy", progress, () => connect(proxy));
    try {
      const way = await retried(connection, "Dial from proxy", progress, () => forward(jump, connection));
      const client = await retried(connection, "Dial", progress, () => connect(connection, way));
      return client.once("close", () => jump.end());
    } catch (error) {
      jump.end();
      throw error;
    }
  } catch (error) {
    throw new Error(`proxy: ${(error as Error).message}`);
  }
}

/** An error for which another attempt is pointless. */
class Final extends Error {}

/** Repeats an attempt, with growing delays, until the endpoint's limit of failures is exceeded. */
async function retried<T>(
  { dialErrorLimit: limit }: Endpoint,
  what: string,
  progress: (line: string) => void,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let failures = 1, delay = 100; ; failures++, delay = Math.min(delay * 1.5, 5000)) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof Final) throw error;
      if (limit >= 0 && failures > limit)
        throw new Error(`after ${limit} failed attempts: ${(error as Error).message}`);
      progress(`${what} ${failures}/${limit < 0 ? "inf" : limit} failed: retrying`);
      await sleep(delay);
    }
  }
}

async function connect(endpoint: Endpoint, sock?: Duplex): Promise<Client> {
  const { host, port, user, privateKey, hostKey, perDialTimeout } = endpoint;
  // Loaded when it is needed: most runs connect to no host.
  const { Client, utils } = require("ssh2") as typeof import("ssh2");
  const parsed = (text: string, otherwise: string): ParsedKey => {
    const key = utils.parseKey(text);
    if (key instanceof Error) throw new Final(otherwise);
    return key;
  };
  const expected = parsed(hostKey, "failed to parse host key: ssh: no key found");
  if (privateKey !== undefined) parsed(privateKey, "ssh: no key found");
  const agent = process.env.SSH_AUTH_SOCK;
  let mismatch = false;
  return new Promise((resolve, reject) => {
    const client = new Client();
    // As Go's connections are.
    client.once("connect", () => client.setNoDelay(true));
    client.once("ready", () => {
      client.removeListener("error", failed);
      resolve(client.on("error", () => {})); // an error without a listener would end this process
    });
    const failed = (error: SshError) => {
      client.on("error", () => {}).destroy();
      reject(
        new Error(mismatch ? "ssh: handshake failed: ssh: host key mismatch" : inGoWords(error, endpoint)),
      );
    };
    client.once("error", failed);
    client.connect({
      ...(sock ? { sock } : { host, port }),
      username: user,
      ...(privateKey === undefined ? {} : { privateKey }),
      ...(agent ? { agent } : {}),
      readyTimeout: perDialTimeout * 1000,
      algorithms: { serverHostKey: [expected.type as "ssh-ed25519"] },
      hostVerifier: (shown: Buffer) => {
        mismatch = !shown.equals(expected.getPublicSSH());
        return !mismatch;
      },
    });
  });
}

function forward(jump: Client, { host, port }: Endpoint): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    jump.forwardOut("127.0.0.1", 0, host, port, (error, channel) => {
      if (!error) return resolve(channel);
      const reason = error.message.replace(/^.*failure: /, "");
      reject(new Error(`ssh: rejected: connect failed (${reason})`));
    });
  });
}

type SshError = Error & { level?: string; code?: string };

function inGoWords(error: SshError, { host, port }: Endpoint): string {
  const where = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  switch (error.level) {
    case "client-authentication":
      return "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain";
    case "client-timeout":
      return `dial tcp ${where}: i/o timeout`;
    case "client-socket":
      return `dial tcp ${where}: ${inGoWordsOfSockets[error.code ?? ""] ?? error.message}`;
    default:
      return `ssh: handshake failed: ${error.message}`;
  }
}

const inGoWordsOfSockets: Record<string, string> = {
  ECONNREFUSED: "connect: connection refused",
  EHOSTUNREACH: "connect: no route to host",
  ENOTFOUND: "lookup: no such host",
};
