import { styleText } from "node:util";
import { inOneLine } from "../core/printable";

/** Styles text. Colours are used on a terminal only, and not with NO_COLOR (https://no-color.org). */
export type Paint = (colour: "green" | "red" | "yellow" | "bold" | "dim", text: string) => string;

export function paintFor(stream: { isTTY?: boolean }, environment: NodeJS.ProcessEnv): Paint {
  return stream.isTTY && !environment.NO_COLOR && environment.TERM !== "dumb"
    ? (colour, text) => styleText(colour, text, { validateStream: false })
    : (_, text) => text;
}

/** Milliseconds of silence after which a user wonders what is happening. */
const patience = 1500;

/** Says on stderr what it is waiting for, if that takes long. */
export async function waitingFor<T>(what: string, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => process.stderr.write(`${what} …\n`), patience);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/** Aligns cells in columns. */
export function table(cells: readonly (readonly string[])[]): string[] {
  const rows = cells.map((row) => row.map(inOneLine));
  const widths = rows.reduce<number[]>(
    (widths, row) => row.map((cell, i) => Math.max(widths[i] ?? 0, cell.length)),
    [],
  );
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join("  ")
      .trimEnd(),
  );
}

/** `2026-11-21T06:05:38.123Z` as `2026-11-21 06:05:38 UTC`. */
export const moment = (at: string): string => at.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC");

/** Drops output that nobody reads any more (`| head`), because a deployment under way must still finish. */
export function carryOnUnread(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
}

/** `1 file`, `2 files`. */
export const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

export function print(lines: string | readonly string[]): void {
  process.stdout.write(`${typeof lines === "string" ? lines : lines.join("\n")}\n`);
}

export const printJson = (value: unknown): void => print(jsonFor(value));

/** JSON of the same value, with the characters that control a terminal escaped. */
export const jsonFor = (value: unknown): string =>
  JSON.stringify(value, undefined, 2).replace(
    /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
