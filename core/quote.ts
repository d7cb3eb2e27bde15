/**
 * Quotes one argument for a POSIX shell (IEEE Std 1003.1, 2.2.2 Single-Quotes). The shell passes it on unchanged, whatever it
 * contains.
 *
 * @throws RangeError for a NUL character, which no argument can hold.
 */
export function quote(argument: string): string {
  if (argument.includes("\0")) throw new RangeError("an argument cannot contain a NUL character");
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(argument)) return argument;
  return `'${argument.replaceAll("'", `'\\''`)}'`;
}
