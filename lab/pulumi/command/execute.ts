import { constants } from "node:os";
import type { Client, ClientChannel } from "ssh2";
import { Lines } from "../plugin/lines";

export interface Listeners {
  stdout?: (line: string) => void;
  stderr?: (line: string) => void;
}

/**
 * Runs a command on a host.
 *
 * @param listeners - called with each line of a stream as it arrives.
 * @returns its output (UTF-8), without the last line feed of each stream.
 * @throws Error with the exit status, the command and its output, if the status is not 0.
 */
export function execute(
  client: Client,
  command: string,
  stdin: string,
  listeners: Listeners,
): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const broken = () => reject(new Error("wait: remote command exited without exit status or exit signal"));
    client.on("error", reject).on("close", broken);
    client.exec(command, (error, channel) => {
      if (error) return reject(error);
      const both: Buffer[] = [];
      channel.on("data", (data: Buffer) => both.push(data));
      channel.stderr.on("data", (data: Buffer) => both.push(data));
      const stdout = follow(channel, listeners.stdout);
      const stderr = follow(channel.stderr, listeners.stderr);
      let failure: string | undefined = "wait: remote command exited without exit status or exit signal";
      channel.on("exit", (status: number | null, signal?: string) => {
        failure = failureOf(status, signal);
      });
      channel.on("close", () => {
        const output = { stdout: stdout(), stderr: stderr() };
        if (failure === undefined) resolve(output);
        else
          reject(
            new Error(`${failure}: running ${JSON.stringify(command)}:\n${Buffer.concat(both).toString()}`),
          );
      });
      channel.on("error", () => {}); // the command may end without reading all of its stdin
      channel.end(stdin);
    });
  });
}

function failureOf(status: number | null, signal?: string): string | undefined {
  if (status === 0) return undefined;
  if (!signal) return `Process exited with status ${status}`;
  const number = constants.signals[signal as NodeJS.Signals];
  return `Process exited with status ${128 + number} from signal ${signal.replace(/^SIG/, "")}`;
}

/** Collects a stream. The returned function returns all of it, after passing on a last line without a line feed. */
function follow(
  stream: ClientChannel | ClientChannel["stderr"],
  listener?: (line: string) => void,
): () => string {
  const chunks: Buffer[] = [];
  const lines = new Lines((line) => listener?.(line.replace(/\r$/, "")));
  stream.on("data", (data: Buffer) => {
    chunks.push(data);
    lines.write(data);
  });
  return () => {
    lines.end();
    return Buffer.concat(chunks).toString().replace(/\n$/, "");
  };
}
