import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import type { Client, ClientChannel } from "ssh2";
import type { HostProgram } from "../core/host/program-text";
import type { StreamedProgram } from "../core/host/requests";
import { brief } from "../core/printable";
import { Problems, problem } from "../core/problems";
import type { Host } from "../core/settings";
import { dial } from "./ssh-connection";
import { mustAllowForwarding } from "./ssh-forward";

export interface RemoteResult {
  /** Exit status; undefined when a signal ended the program or the connection broke. */
  status?: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Time limit for the program, in milliseconds. */
  timeout?: number;
  /** Time limit to establish one connection, in milliseconds. */
  dialTimeout?: number;
  onStderr?: (text: string) => void;
  /** Whether the host must also be able to reach this machine through the connection. */
  mustForward?: boolean;
  /** What to do if the answer is too long, for requests where a healthy host may send one. */
  askLess?: string;
}

/** The longest accepted answer, because it is kept in memory. */
const LIMIT_MIB = 16;

/**
 * Runs one program on a host, over one connection of its own.
 *
 * @param program - may be a promise, so that connecting need not wait for it; if it rejects, so does this.
 * @param where - the setting that messages name, such as `everfresh:hosts[0]`.
 * @throws Problems when the host cannot be reached, presents another key, or refuses the login.
 */
export async function runOnHost(
  host: Host,
  where: string,
  program: HostProgram | StreamedProgram | Promise<HostProgram>,
  { timeout = 60_000, dialTimeout = 8000, mustForward = false, ...options }: RunOptions = {},
): Promise<RemoteResult> {
  // A rejection is handled below, once the connection exists.
  Promise.resolve(program).catch(() => {});
  const { client, end } = await dial(host, where, { dialTimeout });
  try {
    if (mustForward) await mustAllowForwarding(client, `${where} (${host.name})`);
    return await execute(client, await program, { timeout, ...options }, `${where} (${host.name})`);
  } finally {
    end();
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
          // The host's program explains a broken pipe when it ends.
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
  /** @returns whether there was still room for it */
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
