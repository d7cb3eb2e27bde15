import { setTimeout as pause } from "node:timers/promises";

/** Before the second attempt and before the third, in milliseconds. */
const PAUSES_MS = [300, 1_000];

/**
 * Repeats a question to a registry that failed at that moment only: the reference registry answers a read with 500 while
 * somebody else writes the same manifest, such as a new tag, because its storage truncates a file before it writes it.
 *
 * @param isFailing - whether the registry itself failed, judging by an answer.
 * @returns the last answer.
 */
export async function repeated<T>(ask: () => Promise<T>, isFailing: (answer: T) => boolean): Promise<T> {
  for (const ms of PAUSES_MS) {
    const answer = await ask();
    if (!isFailing(answer)) return answer;
    await pause(ms);
  }
  return ask();
}
