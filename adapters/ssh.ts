import { type Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import type { Client, ClientChannel } from "ssh2";
import type { HostProgram } from "../core/host/program-text";
import type { StreamedProgram } from "../core/host/requests";
import { brief } from "../core/printable";
import { Problems, problem } from "../core/problems";
import type { Host } from "../core/settings";
import { connect, forward } from "./ssh-connection";

export interface RemoteResult {
  /** Exit status; undefined when a signal ended the program or the connection broke. */
  status?: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Milliseconds for the program to end. */
  timeout?: number;
  /** Milliseconds to establish one connection. */
  dialTimeout?: number;
  onStderr?: (text: string) => void;
  /** What to do about too long an answer, where a healthy host may give one. */
  askLess?: string;
}

/** The longest answer that is accepted: it is kept in memory. */
const LIMIT_MIB = 16;

/**
 * Runs one program on a host, over one connection of its own.
 *
 * @param program - may be a promise, so that the connection is made meanwhile; if it rejects, so does this.
 * @param where - the setting a message names, such as `everfresh:hosts[0]`.
 * @throws Problems when the host cannot be reached, is not the one whose key was given, or refuses the login.
 */
export async function runOnHost(
  host: Host,
  where: string,
  program: HostProgram | StreamedProgram | Promise<HostProgram>,
  { timeout = 60_000, dialTimeout = 8000, ...options }: RunOptions = {},
): Promise<RemoteResult> {
  // A rejection is handled below, once there is a connection.
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

function execute(
  client: Client,
  { command, stdin }: HostProgram | StreamedProgram,
  { timeout, onStderr, askLess = "look at what the host sends" }: RunOptions & { timeout: number },
  where: string,
): Promise<RemoteResult> {
  return new Promise((resolve, reject) => {
    const fail = (error: Problems) => {
      clearTimeout(late);
      reject(error);
      client.destroy();
    };
    const giveUp = (what: string, todo: string) => fail(new Problems([problem(where, what, todo)]));
    const late = setTimeout(
      () => giveUp(`no answer in ${timeout / 1000} s`, "look at the host: is it overloaded?"),
      timeout,
    );
    client.exec(command, (error, channel) => {
      if (error) {
        giveUp(`cannot run a command (${brief(error)})`, "check the user's login shell");
        return;
      }
      readAnswer(channel, {
        onStderr,
        onTooLong: () => giveUp(`its answer is longer than ${LIMIT_MIB} MiB`, askLess),
        onEnd: (result) => {
          clearTimeout(late);
          resolve(result);
        },
      });
      if (typeof stdin === "string") channel.end(stdin);
      else
        pipeline(Readable.from(stdin), channel).catch((error) => {
          // A broken pipe is the host's to explain, when its program ends.
          if (error instanceof Problems) fail(error);
        });
    });
  });
}

interface AnswerListeners {
  onStderr: RunOptions["onStderr"];
  onTooLong: () => void;
  onEnd: (result: RemoteResult) => void;
}

function readAnswer(channel: ClientChannel, { onStderr, onTooLong, onEnd }: AnswerListeners): void {
  let status: number | undefined;
  let room = LIMIT_MIB * 2 ** 20;
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const decoder = new StringDecoder();
  /** Whether there was still room for it. */
  const keep = (chunks: Buffer[], data: Buffer) => {
    room -= data.length;
    if (room >= 0) chunks.push(data);
    else onTooLong();
    return room >= 0;
  };
  channel.on("data", (data: Buffer) => keep(stdout, data));
  channel.stderr.on("data", (data: Buffer) => {
    if (keep(stderr, data)) onStderr?.(decoder.write(data));
  });
  channel.on("exit", (code: number | null) => {
    status = code ?? undefined;
  });
  channel.on("close", () =>
    onEnd({
      status,
      stdout: Buffer.concat(stdout).toString(),
      stderr: Buffer.concat(stderr).toString(),
    }),
  );
}
