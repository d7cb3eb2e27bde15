import { createConnection, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Client, type ConnectConfig, utils } from "ssh2";
import { brief } from "../core/printable";
import { Problems, problem } from "../core/problems";
import type { Host, SshEndpoint } from "../core/settings";

const startAgent =
  "start an agent (`eval $(ssh-agent) && ssh-add`) or set the key with `pulumi config set --secret --path`";

export interface DialOptions {
  /** For each connection, in milliseconds. */
  dialTimeout: number;
  /** Whether this process may end while the connection is open, once that is `unref`ed; default: false. */
  background?: boolean;
}

/** A connection to one machine. */
interface Opened {
  client: Client;
  /** Its socket, if that is ours. */
  socket: Socket | undefined;
}

/**
 * Connects to a host and checks that it has the configured host key.
 *
 * @param where - the setting that messages name, such as `everfresh:hosts[0]`.
 * @param through - the connection to use instead of a new one, such as one through a proxy.
 * @throws Problems when it cannot be reached, presents another key, or refuses the login.
 */
function connect(
  endpoint: SshEndpoint,
  where: string,
  { dialTimeout, background = false }: DialOptions,
  through?: Duplex,
): Promise<Opened> {
  const [keyType, keyData] = endpoint.hostKey.split(" ") as [string, string];
  let presented: string | undefined;
  const login = credentials(endpoint, where);
  // Only a socket of our own can be told not to keep the process alive.
  const socket = background && !through ? createConnection(endpoint.port, endpoint.address) : undefined;
  const sock = through ?? socket;
  const config: ConnectConfig = {
    host: endpoint.address,
    port: endpoint.port,
    username: endpoint.user,
    readyTimeout: dialTimeout,
    keepaliveInterval: background ? 0 : 15_000,
    algorithms: { serverHostKey: [keyType as "ssh-ed25519"] },
    hostVerifier: (key: Buffer) => {
      presented = key.toString("base64");
      return presented === keyData;
    },
    ...(sock ? { sock } : {}),
    ...login,
  };
  return new Promise((resolve, reject) => {
    const client = new Client();
    const fail = (error: Error & { level?: string; code?: string }) => {
      clearTimeout(late);
      const refused = presented !== undefined && presented !== keyData;
      client.destroy();
      reject(
        new Problems([
          refused
            ? otherKey(endpoint, where, `${keyType} ${presented}`)
            : connectionProblem(error, endpoint, where, dialTimeout),
        ]),
      );
    };
    // ssh2 stops its own timer at the other side's first line.
    const late = setTimeout(() => fail(Object.assign(new Error(), { level: "client-timeout" })), dialTimeout);
    // Each step of a login is a small packet, which should not wait for the previous one to be acknowledged.
    client.once("connect", () => client.setNoDelay(true));
    client.once("ready", () => {
      clearTimeout(late);
      socket?.setKeepAlive(true, 15_000);
      resolve({ client, socket });
    });
    // Not `once`, because a second error would then be unhandled and end the program.
    client.on("error", fail);
    client.once("close", () => fail(new Error("the connection was closed")));
    client.connect(config);
  });
}

function credentials(
  { privateKey }: SshEndpoint,
  where: string,
): Pick<ConnectConfig, "privateKey" | "agent"> {
  if (privateKey !== undefined) {
    const parsed = utils.parseKey(privateKey);
    if (!(parsed instanceof Error)) return { privateKey };
    const encrypted = /encrypted|passphrase/i.test(parsed.message);
    throw new Problems([
      encrypted
        ? problem(
            `${where}.privateKey`,
            "is encrypted",
            "load it into an SSH agent and remove it from the configuration",
          )
        : problem(
            `${where}.privateKey`,
            `cannot be read (${brief(parsed)})`,
            "give a private key in OpenSSH or PEM format",
          ),
    ]);
  }
  const agent = process.env.SSH_AUTH_SOCK;
  if (agent) return { agent };
  throw new Problems([problem(`${where}.privateKey`, "there is no key and no SSH agent", startAgent)]);
}

function otherKey(endpoint: SshEndpoint, where: string, presented: string): string {
  return problem(
    `${where}.hostKey`,
    `${endpoint.address}:${endpoint.port} presented another host key (${presented})`,
    "find out why before anything else; if the machine was rebuilt, set the new key",
  );
}

function connectionProblem(
  error: Error & { level?: string; code?: string },
  endpoint: SshEndpoint,
  where: string,
  dialTimeout: number,
): string {
  const target = `${endpoint.address}:${endpoint.port}`;
  if (error.level === "client-authentication") {
    return problem(
      `${where}.privateKey`,
      `${target} refuses the login of ${endpoint.user}`,
      "add the public key to its authorized_keys, or correct `user`",
    );
  }
  if (error.level === "agent") {
    return problem(`${where}.privateKey`, `the SSH agent does not answer (${brief(error)})`, startAgent);
  }
  if (/no matching host key/i.test(error.message)) {
    return problem(
      `${where}.hostKey`,
      `${target} has no key of type ${endpoint.hostKey.split(" ")[0]}`,
      "give a line that `ssh-keyscan` prints for it",
    );
  }
  const reason =
    error.code === "ENOTFOUND" || error.code === "EAI_AGAIN"
      ? "its name cannot be resolved"
      : error.level === "client-timeout"
        ? `no answer in ${dialTimeout / 1000} s`
        : brief(error);
  return problem(
    `${where}.address`,
    `${target} cannot be reached (${reason})`,
    "check the address, the port and that sshd runs",
  );
}

/** A connection to a host, through its proxy if it has one. */
export interface Connection {
  client: Client;
  /** Lets this process end while it is open. */
  unref(): void;
  /** Closes it. */
  end(): void;
}

/**
 * Connects to a host, through its proxy if it has one.
 *
 * @param where - the host's setting, such as `everfresh:hosts[0]`.
 * @throws Problems when one of them cannot be reached, presents another key, or refuses the login.
 */
export async function dial(host: Host, where: string, options: DialOptions): Promise<Connection> {
  if (!host.proxyJump) {
    const { client, socket } = await connect(host, where, options);
    return { client, unref: () => socket?.unref(), end: () => client.end() };
  }
  const jump = await connect(host.proxyJump, `${where}.proxyJump`, options);
  try {
    const { client } = await connect(host, where, options, await forward(jump.client, host, where));
    return {
      client,
      unref: () => jump.socket?.unref(),
      end: () => {
        client.end();
        jump.client.end();
      },
    };
  } catch (error) {
    jump.client.end();
    throw error;
  }
}

/**
 * Opens a connection from a proxy to a host.
 *
 * @throws Problems when the proxy cannot reach it.
 */
function forward(jump: Client, host: Host, where: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    jump.forwardOut("127.0.0.1", 0, host.address, host.port, (error, channel) => {
      if (error) {
        reject(
          new Problems([
            problem(
              `${where}.address`,
              `the proxy cannot reach ${host.address}:${host.port} (${brief(error)})`,
              "check the address and the port",
            ),
          ]),
        );
      } else resolve(channel);
    });
  });
}
