/** A user's mistake, or the world's: shown as it is, without a stack trace. One line each. */
export class Problems extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "Problems";
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
