import { inOneLine } from "./printable";

/** Problems that the user can fix, shown without a stack trace: one line each, without terminal control characters. */
export class Problems extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const distinct = [...new Set(problems.map(inOneLine))];
    super(distinct.join("\n"));
    this.name = "Problems";
    this.problems = distinct;
  }
}

/** The one form of every message: where, what is wrong, what to do. */
export function problem(where: string, what: string, todo: string): string {
  return `${where}: ${what}; ${todo}`;
}

/** @throws Problems when there are any. */
export function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new Problems(problems);
}

/**
 * Waits for all promises, so that all problems are reported at once.
 *
 * @throws Problems with those of all promises; any other error unchanged.
 */
export async function allOrEveryProblem<T extends readonly unknown[]>(
  promises: {
    [K in keyof T]: Promise<T[K]>;
  },
): Promise<T> {
  const results = await Promise.allSettled(promises);
  const problems: string[] = [];
  for (const result of results) {
    if (result.status === "fulfilled") continue;
    if (!(result.reason instanceof Problems)) throw result.reason;
    problems.push(...result.reason.problems);
  }
  refuse(problems);
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}
