import { setTimeout as pause } from "node:timers/promises";

/**
 * Asks every 50 ms until the answer is neither `undefined` nor `false`, and returns it. A question that throws is asked
 * again.
 *
 * @param what is named in the error, e.g. "host1: its engine".
 * @param within how long to keep asking, in milliseconds.
 * @throws Error with the last failure when the time is up.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  within = 60_000,
): Promise<T> {
  const deadline = Date.now() + within;
  let last = "no answer";
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    if (Date.now() > deadline) throw new Error(`${what}: not ready within ${within / 1000} s; ${last}`);
    await pause(50);
  }
}
