import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { quote } from "../quote";

/** What to run on a host: a short command line without secrets, and the program's text for its stdin. */
export interface HostProgram {
  command: string;
  stdin: string;
}

/** The verbs of the host's program. */
export type Verb =
  | "deploy"
  | "report"
  | "probe"
  | "teardown"
  | "history"
  | "logs"
  | "search"
  | "verify"
  | "inside"
  | "unlock"
  | "doctor"
  | "lacks";

/** The variables that the program receives. */
export type Values = Record<string, string | number>;

/** The command line of a verb: short, without secrets, the same for every request. `report` also accepts `deploy`'s stdin. */
export const hostCommand = (verb: Verb): string => `sh -c 'eval "$(cat)"' everfresh ${verb}`;

/** The program for a verb, with its values and payload. */
export const hostProgram = (verb: Verb, values: Values, payload?: string): HostProgram => ({
  command: hostCommand(verb),
  stdin: programText(values, payload),
});

const FOLDER = join(__dirname, "..", "..", "remote");
let parts: { functions: string; main: string } | undefined;

/**
 * The text of the host's program: all of `remote/*.sh`, `main.sh` last. `cat` reads it whole before the shell parses it,
 * so that no shell runs a program that was cut off, or reads it byte by byte (as bash does from a pipe).
 *
 * @param payload - what the program unpacks, in base64.
 */
export function programText(values: Values, payload = ""): string {
  parts ??= readParts();
  const assignments = Object.entries(values).map(([name, value]) => `${name}=${quote(String(value))}`);
  const request = `request() {\n${assignments.join("\n")}\n}\n`;
  const sent = `payload() {\ncat <<'EVERFRESH_PAYLOAD'\n${payload}\nEVERFRESH_PAYLOAD\n}\n`;
  // In braces, so that the shell runs nothing of a text that was cut off.
  return `{\n${parts.functions}${request}${sent}${parts.main}}\n`;
}

function readParts() {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".sh") && name !== "main.sh");
  const read = (name: string) => readFileSync(join(FOLDER, name), "utf8");
  return { functions: files.sort().map(read).join("\n"), main: read("main.sh") };
}
