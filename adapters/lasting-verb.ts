import type { HostProgram } from "../core/host/program-text";
import { Problems } from "../core/problems";
import type { Host } from "../core/settings";
import type { Connection } from "./ssh-connection";

/**
 * Runs a verb that lasts as long as its connection. Its stdin is left open, because the host's program ends with it.
 *
 * @param unable - the problem if the host runs no command, or, without an error, if it ends without a word.
 * @throws Problems, in the host's own words if it refuses, when the verb ends; the connection is closed then.
 */
export function runLasting(
  { client, end }: Connection,
  { name }: Host,
  { command, stdin }: HostProgram,
  onData: (data: Buffer) => void,
  unable: (error?: Error) => string,
): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (problems: string[]) => {
      end();
      reject(new Problems(problems));
    };
    client.exec(command, (error, channel) => {
      if (error) return fail([unable(error)]);
      const refusals: Buffer[] = [];
      channel.on("data", onData);
      channel.stderr.on("data", (data: Buffer) => refusals.push(data));
      channel.on("close", () => {
        const lines = Buffer.concat(refusals).toString().split("\n").filter(Boolean);
        fail(lines.length > 0 ? lines.map((line) => `${name}: ${line}`) : [unable()]);
      });
      channel.write(stdin);
    });
  });
}
