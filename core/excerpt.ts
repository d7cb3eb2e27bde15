/**
 * A text of somebody else's for a message: one line, cut, without what a terminal would act upon (control and format
 * characters, lone surrogates).
 */
export function excerpt(text: string, most = 80): string {
  const line = text.slice(0, most + 1).replace(/[\p{C}\u2028\u2029]/gu, "?");
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}
