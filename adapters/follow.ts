import { StringDecoder } from "node:string_decoder";
import type { HostProgram } from "../core/host/program-text";
import { Problems, problem } from "../core/problems";
import { dial } from "./ssh-connection";
import type { Asked } from "./verb";

/**
 * Runs a verb that prints lines for as long as the connection lasts: until this process ends, or the host's program does.
 *
 * @param program - its stdin is left open, because the host's program ends with it.
 * @throws Problems when the host cannot be reached, refuses, or closes the connection.
 */
export async function followVerb(
  { host, where }: Asked,
  { command, stdin }: HostProgram,
  onLine: (line: string) => void,
): Promise<never> {
  const { client, end } = await dial(host, where, { dialTimeout: 8000 });
  const lines = lineReader(onLine);
  return new Promise((_, reject) => {
    const fail = (problems: string[]) => {
      end();
      reject(new Problems(problems));
    };
    const unable = (what: string, todo: string) => fail([problem(`${where} (${host.name})`, what, todo)]);
    client.exec(command, (error, channel) => {
      if (error) return unable(`cannot run a command (${error.message})`, "check the user's login shell");
      const refusals: Buffer[] = [];
      channel.on("data", lines);
      channel.stderr.on("data", (data: Buffer) => refusals.push(data));
      channel.on("close", () => {
        const said = Buffer.concat(refusals).toString().split("\n").filter(Boolean);
        if (said.length > 0) fail(said.map((line) => `${host.name}: ${line}`));
        else unable("the connection was closed", "run it again");
      });
      channel.write(stdin);
    });
  });
}

/** The longest line that is kept together, in characters. */
const LONGEST = 1_000_000;

/** Reads lines from chunks of bytes, which may end in the middle of a line or a character. */
export function lineReader(onLine: (line: string) => void): (data: Buffer) => void {
  const decoder = new StringDecoder();
  let rest = "";
  return (data) => {
    const lines = (rest + decoder.write(data)).split("\n");
    rest = lines.pop()!;
    for (const line of lines) onLine(line);
    if (rest.length <= LONGEST) return;
    onLine(rest);
    rest = "";
  };
}
