import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, type createServer } from "node:net";
import { type Connection, Server, type ServerChannel, utils } from "ssh2";
import { type RunOptions, runOnHost } from "../../../adapters/ssh";
import type { HostProgram } from "../../../core/host/program-text";
import { Problems } from "../../../core/problems";
import type { Host } from "../../../core/settings";
import { newKeys } from "../../../lab/keys";

export const where = "everfresh:hosts[0]";
export const [serverKeys, otherKeys, login] = [newKeys(), newKeys(), newKeys()];
const publicLogin = utils.parseKey(login.public);
export const line = (publicKey: string) => publicKey.split(" ").slice(0, 2).join(" ");

/** What a host does with a command. */
export type Behaviour = (channel: ServerChannel, command: string) => void;
/** What a test opened. */
export const closers: (() => void)[] = [];

/**
 * Starts an SSH server in this process, on a port of its own.
 *
 * @param seen - gets the logins, commands and forwardings.
 * @returns the host's setting for it.
 */
export async function sshd(behaviour: Behaviour, seen: string[] = []): Promise<Host> {
  const server = new Server({ hostKeys: [serverKeys.private] }, (client: Connection) => {
    let user = "";
    client.on("error", () => {});
    client.on("authentication", (context) => {
      const known =
        context.method === "publickey" &&
        !(publicLogin instanceof Error) &&
        context.key.data.equals(publicLogin.getPublicSSH() as Buffer);
      if (!known) return context.reject(["publickey"]);
      user = context.username;
      context.accept();
    });
    client.on("ready", () => seen.push(`login ${user}`));
    client.on("session", (accept) => {
      accept().on("exec", (acceptExec, _, { command }) => {
        seen.push(command);
        behaviour(acceptExec(), command);
      });
    });
    client.on("tcpip", (accept, reject, { destIP, destPort }) => {
      seen.push(`forward ${destIP}:${destPort}`);
      const socket = connect(destPort, destIP);
      socket.once("connect", () => {
        const channel = accept();
        channel.on("error", () => {});
        channel.pipe(socket).pipe(channel);
      });
      socket.once("error", () => reject());
    });
  });
  const port = await listen(server);
  return {
    name: "web1",
    address: "127.0.0.1",
    port,
    user: "deploy",
    hostKey: line(serverKeys.public),
    privateKey: login.private,
  };
}

export async function listen(server: Server | ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

export const run = (
  host: Host,
  { command = "sh", stdin = "", ...options }: Partial<HostProgram> & RunOptions = {},
) => runOnHost(host, where, { command, stdin }, { timeout: 5000, dialTimeout: 3000, ...options });
/** Asserts that there is one problem, this one. */
export const assertProblem = (promise: Promise<unknown>, problem: string | RegExp) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof Problems, String(error));
    assert.equal(error.problems.length, 1);
    if (typeof problem === "string") assert.equal(error.message, problem);
    else assert.match(error.message, problem);
    return true;
  });
export const succeed: Behaviour = (channel) => {
  channel.exit(0);
  channel.end();
};

/** Gives a suite no SSH agent, and closes after each test what it opened. */
export function withoutAgent(): void {
  const agent = process.env.SSH_AUTH_SOCK;
  beforeEach(() => {
    delete process.env.SSH_AUTH_SOCK;
  });
  afterEach(() => {
    for (const close of closers.splice(0)) close();
    if (agent === undefined) delete process.env.SSH_AUTH_SOCK;
    else process.env.SSH_AUTH_SOCK = agent;
  });
}
