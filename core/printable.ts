/** C0 except tab and line feed, DEL, C1, and the characters that change the direction of text (Unicode's UAX #9). */
const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Text from elsewhere, without what would control the terminal that shows it. `remote/base.sh` has the same rule. */
export const printable = (text: string): string => text.replace(steering, "?");

/** The same, in one line. */
export const inOneLine = (text: string): string => printable(text).replace(/[\t\n\u2028\u2029]/g, "?");

/** An error's own message, as part of a one-line message. */
export const brief = (error: { message: string }): string => {
  const line = inOneLine(error.message.trim().replace(/\s+/g, " "));
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
};

/**
 * An excerpt of a text from elsewhere for a message: one line, shortened, without what a terminal would act upon (control
 * and format characters, lone surrogates).
 */
export function excerpt(text: string, most = 80): string {
  const line = text.slice(0, most + 1).replace(/[\p{C}\u2028\u2029]/gu, "?");
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}
