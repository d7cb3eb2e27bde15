import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { Problems, problem } from "../core/problems";

/**
 * Asks on the terminal. Questions go to stderr, because programs may read stdout.
 *
 * @throws Problems when the user gives up (Ctrl-C, Ctrl-D).
 */
export async function askFor(question: string, fallback?: string): Promise<string> {
  const answer = await read(`${question}${fallback ? ` [${fallback}]` : ""}: `, process.stderr);
  return answer.trim() || (fallback ?? "");
}

/** Asks for a secret, without showing what is typed. */
export async function askForSecret(question: string): Promise<string> {
  process.stderr.write(`${question}: `);
  const answer = await read("", new Writable({ write: (_chunk, _encoding, done) => done() }));
  process.stderr.write("\n");
  return answer;
}

/** Only a clear yes counts. */
export async function confirm(question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await read(`${question} [y/N] `, process.stderr)).trim());
}

async function read(prompt: string, output: NodeJS.WritableStream): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output, terminal: true });
  try {
    return await Promise.race([
      terminal.question(prompt),
      new Promise<never>((_, reject) => {
        const stopped = new Problems([
          problem("everfresh", "interrupted", "this question has changed nothing"),
        ]);
        terminal.once("SIGINT", () => reject(stopped));
        terminal.once("close", () => reject(stopped));
      }),
    ]);
  } finally {
    terminal.close();
  }
}
