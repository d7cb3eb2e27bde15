/** C0 except tab and line feed, DEL, C1, and the characters that change the direction of text (Unicode's UAX #9). */
const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Replaces the characters of foreign text that would control a terminal. `remote/base.sh` has the same rule. */
export const printable = (text: string): string => text.replace(steering, "?");

/** The same, on one line. */
export const inOneLine = (text: string): string => printable(text).replace(/[\t\n\u2028\u2029]/g, "?");

/** An error's own message, as part of a one-line message. */
export const brief = (error: { message: string }): string => {
  const line = inOneLine(error.message.trim().replace(/\s+/g, " "));
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
};

/**
 * An excerpt of foreign text for a message: one line, shortened, without characters that a terminal acts on (control and
 * format characters, lone surrogates).
 */
export function excerpt(text: string, most = 80): string {
  const line = text.slice(0, most + 1).replace(/[\p{C}\u2028\u2029]/gu, "?");
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}
