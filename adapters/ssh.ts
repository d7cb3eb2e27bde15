import { type Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import { Client, type ConnectConfig, utils } from "ssh2";
import type { HostProgram } from "../core/host/program-text";
import type { StreamedProgram } from "../core/host/requests";
import { brief } from "../core/printable";
import { Problems, problem } from "../core/problems";
import type { Host, SshEndpoint } from "../core/settings";

export interface RemoteResult {
  /** Exit status; undefined when the program was ended by a signal or the connection broke. */
  status?: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Milliseconds for the program to end. */
  timeout?: number;
  /** Milliseconds for one connection to stand. */
  dialTimeout?: number;
  onStderr?: (text: string) => void;
  /** How to ask for less, where an answer may be long by itself. */
  askLess?: string;
}

/** No answer is longer than this: what a host sends is kept in memory, whatever it is. */
const LIMIT_MIB = 16;

const startAgent =
  "start an agent (`eval $(ssh-agent) && ssh-add`) or set the key with `pulumi config set --secret --path`";

/**
 * Runs one program on a host, over one connection of its own.
 *
 * @param program - may still be in the making while the connection is made; when it fails, so does this.
 * @param where - the setting a message names, such as `everfresh:hosts[0]`.
 * @throws Problems when the host cannot be reached, is not the one whose key was given, or refuses the login.
 */
export async function runOnHost(
  host: Host,
  where: string,
  program: HostProgram | StreamedProgram | Promise<HostProgram>,
  { timeout = 60_000, dialTimeout = 8000, ...options }: RunOptions = {},
): Promise<RemoteResult> {
  // Its failure is met below, when there is a connection.
  Promise.resolve(program).catch(() => {});
  const clients: Client[] = [];
  try {
    let through: Duplex | undefined;
    if (host.proxyJump) {
      const jump = await connect(host.proxyJump, `${where}.proxyJump`, dialTimeout);
      clients.push(jump);
      through = await forward(jump, host, where);
    }
    const client = await connect(host, where, dialTimeout, through);
    clients.push(client);
    return await execute(client, await program, { timeout, ...options }, `${where} (${host.name})`);
  } finally {
    for (const client of clients.reverse()) client.end();
  }
}

function connect(endpoint: SshEndpoint, where: string, dialTimeout: number, sock?: Duplex): Promise<Client> {
  const [keyType, keyData] = endpoint.hostKey.split(" ") as [string, string];
  let presented: string | undefined;
  const config: ConnectConfig = {
    host: endpoint.address,
    port: endpoint.port,
    username: endpoint.user,
    readyTimeout: dialTimeout,
    keepaliveInterval: 15_000,
    algorithms: { serverHostKey: [keyType as "ssh-ed25519"] },
    hostVerifier: (key: Buffer) => {
      presented = key.toString("base64");
      return presented === keyData;
    },
    ...(sock ? { sock } : {}),
    ...credentials(endpoint, where),
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
            : explain(error, endpoint, where, dialTimeout),
        ]),
      );
    };
    // ssh2 stops its own clock with the first line that the other side says.
    const late = setTimeout(() => fail(Object.assign(new Error(), { level: "client-timeout" })), dialTimeout);
    // Each step of a login is a small packet: none of them is to wait for the answer to the one before it.
    client.once("connect", () => client.setNoDelay(true));
    client.once("ready", () => {
      clearTimeout(late);
      resolve(client);
    });
    // Not once: an error after the first would end the program.
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
    `${endpoint.address}:${endpoint.port} proves itself with another key (${presented})`,
    "find out why before anything else; if the machine was rebuilt, set the new key",
  );
}

function explain(
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

function execute(
  client: Client,
  { command, stdin }: HostProgram | StreamedProgram,
  { timeout, onStderr, askLess = "look at what the host sends" }: RunOptions & { timeout: number },
  where: string,
): Promise<RemoteResult> {
  return new Promise((resolve, reject) => {
    const giveUp = (what: string, todo: string) => {
      clearTimeout(late);
      reject(new Problems([problem(where, what, todo)]));
      client.destroy();
    };
    const late = setTimeout(
      () => giveUp(`no answer in ${timeout / 1000} s`, "look at the host: is it overloaded?"),
      timeout,
    );
    client.exec(command, (error, channel) => {
      if (error) {
        giveUp(`cannot run a command (${brief(error)})`, "check the user's login shell");
        return;
      }
      let status: number | undefined;
      let room = LIMIT_MIB * 2 ** 20;
      const stdout: Buffer[] = [];
      const stderr: Buffer[] = [];
      const heard = new StringDecoder();
      /** Whether there is still room for it. */
      const keep = (chunks: Buffer[], data: Buffer) => {
        room -= data.length;
        if (room >= 0) chunks.push(data);
        else giveUp(`its answer is longer than ${LIMIT_MIB} MiB`, askLess);
        return room >= 0;
      };
      channel.on("data", (data: Buffer) => keep(stdout, data));
      channel.stderr.on("data", (data: Buffer) => {
        if (keep(stderr, data)) onStderr?.(heard.write(data));
      });
      channel.on("exit", (code: number | null) => {
        status = code ?? undefined;
      });
      channel.on("close", () => {
        clearTimeout(late);
        resolve({
          status,
          stdout: Buffer.concat(stdout).toString(),
          stderr: Buffer.concat(stderr).toString(),
        });
      });
      if (typeof stdin === "string") channel.end(stdin);
      else {
        pipeline(Readable.from(stdin), channel).catch((error) => {
          // What the host has to say of a broken pipe comes with the end of its program.
          if (!(error instanceof Problems)) return;
          clearTimeout(late);
          reject(error);
          client.destroy();
        });
      }
    });
  });
}
