import { constants } from "node:fs";

const SETGID = 0o2000;
const USUAL_UMASK = 0o022;

/**
 * Says permissions without the umask of whoever made the checkout.
 *
 * A checkout has one umask, which its Dockerfile shows. Bits that it explains are written as git keeps them
 * (`0644`, `0755`); other bits were set by somebody, reach the image and count, written `=0600`. The files that
 * are read have no say in it: else a `chmod` of most of them would explain itself. A setgid bit on folders that
 * the context folder has too is inherited, not set.
 */
export class Modes {
  readonly #umask: number;
  readonly #inherited: number;

  /**
   * @param root mode of the context folder
   * @param samples modes of files that the checkout's umask is told by: most of them show it
   */
  constructor(root: number, samples: number[]) {
    this.#umask = commonUmask(samples);
    this.#inherited = root & SETGID;
  }

  of(mode: number): string {
    const bits = mode & 0o7777;
    const isFolder = (mode & constants.S_IFMT) === constants.S_IFDIR;
    const executable = isFolder || (bits & 0o100) !== 0;
    const plain = (executable ? 0o777 : 0o666) & ~this.#umask;
    const expected = isFolder ? plain | this.#inherited : plain;
    if (bits !== expected) return `=${bits.toString(8).padStart(4, "0")}`;
    return executable ? "0755" : "0644";
  }
}

function commonUmask(files: number[]): number {
  const votes = new Map<number, number>([[USUAL_UMASK, 0]]);
  for (const mode of files) {
    const missing = ~mode & 0o066;
    votes.set(missing, (votes.get(missing) ?? 0) + 1);
  }
  // The usual one is first and wins a tie, so that one file of two does not decide.
  const [missing] = [...votes].reduce((best, next) => (next[1] > best[1] ? next : best));
  // A umask that takes reading from somebody takes entering from them too.
  return missing | ((missing & 0o044) >> 2);
}
