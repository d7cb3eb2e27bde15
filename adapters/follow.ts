import { StringDecoder } from "node:string_decoder";
import type { HostProgram } from "../core/host/program-text";
import { problem } from "../core/problems";
import { runLasting } from "./lasting-verb";
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
  program: HostProgram,
  onLine: (line: string) => void,
): Promise<never> {
  const connection = await dial(host, where, { dialTimeout: 8000 });
  const named = `${where} (${host.name})`;
  return runLasting(connection, host, program, lineReader(onLine), (error) =>
    error
      ? problem(named, `cannot run a command (${error.message})`, "check the user's login shell")
      : problem(named, "the connection was closed", "run it again"),
  );
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
