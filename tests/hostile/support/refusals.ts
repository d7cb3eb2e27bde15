import assert from "node:assert/strict";
import { CommanderError } from "commander";
import { RegistryError } from "../../../adapters/registry-error";
import { Problems } from "../../../core/problems";
import { secret } from "./fragments";

/** That something was refused, and in which words. */
export class Refusal {
  readonly messages: readonly string[];
  constructor(messages: readonly string[]) {
    this.messages = messages;
  }
}

/** What steers a terminal: C0 but for the tab, DEL, C1, and what turns the direction of writing (Unicode's UAX #9). */
const unprintable = /[\u0000-\u0008\n\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

export function assertPrintable(line: string): void {
  const found = unprintable.exec(line);
  if (found) assert.fail(`${JSON.stringify(found[0])} would be printed: ${JSON.stringify(abridged(line))}`);
}

const abridged = (text: string) => (text.length > 400 ? `${text.slice(0, 400)}…` : text);

export interface RefusalOptions {
  /** What else may be thrown, by the documentation: its messages, or undefined for what may not. */
  documented?: (error: Error) => readonly string[] | undefined;
  /** Whether a host or a program is quoted: nobody can tell in which form it speaks. */
  quoted?: boolean;
}

/**
 * The value that something gives, or how it refuses. A refusal has our form, can be printed, and tells no secret; any
 * other error is a defect.
 */
export async function valueOrRefusal<T>(
  act: () => T | Promise<T>,
  { documented, quoted }: RefusalOptions = {},
): Promise<T | Refusal> {
  try {
    return await act();
  } catch (error) {
    const messages = messagesOf(error) ?? (error instanceof Error ? documented?.(error) : undefined);
    if (messages === undefined) throw new Error(`not a refusal: ${(error as Error)?.stack ?? error}`);
    assertRefusal(messages, quoted);
    return new Refusal(messages);
  }
}

/** A `RangeError` that the documentation announces; each line is a message. */
export const rangeError = (error: Error): readonly string[] | undefined =>
  error instanceof RangeError && !/call stack/i.test(error.message) ? error.message.split("\n") : undefined;

/** What the parsers of a single answer throw: `<what is wrong>; <what to do>`, which the caller puts a place before. */
export const placeless = (error: Error): readonly string[] | undefined =>
  rangeError(error)?.map((message) => `host: ${message}`);

function messagesOf(error: unknown): readonly string[] | undefined {
  if (error instanceof Problems) return error.problems;
  if (error instanceof RegistryError) return [error.message];
  // What it prints is looked at where it prints it.
  return error instanceof CommanderError ? [] : undefined;
}

/** Every message is `<where>: <what is wrong>; <what to do>` in one line; a quoted one at least says whose it is. */
export function assertRefusal(messages: readonly string[], quoted = false): void {
  const form = quoted ? /^[^ ].*: /s : /^[^ ].*: .+; .+$/s;
  for (const message of messages) {
    assertPrintable(message);
    assert.match(message, form, `not our form: ${JSON.stringify(abridged(message))}`);
    assert.ok(!message.includes(secret), `tells a secret: ${JSON.stringify(abridged(message))}`);
  }
}
