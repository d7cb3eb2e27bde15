/** C0 but for tab and line end, DEL, C1, and the characters that turn the direction of writing (Unicode's UAX #9). */
const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Text of others' making without what would steer the terminal that shows it. `remote/base.sh` has the same rule. */
export const printable = (text: string): string => text.replace(steering, "?");

/** The same as one line. */
export const inOneLine = (text: string): string => printable(text).replace(/[\t\n\u2028\u2029]/g, "?");

/** An error's own words, as part of a message of one line. */
export const brief = (error: { message: string }): string => {
  const line = inOneLine(error.message.trim().replace(/\s+/g, " "));
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
};

/**
 * A text of somebody else's for a message: one line, cut, without what a terminal would act upon (control and format
 * characters, lone surrogates).
 */
export function excerpt(text: string, most = 80): string {
  const line = text.slice(0, most + 1).replace(/[\p{C}\u2028\u2029]/gu, "?");
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}
