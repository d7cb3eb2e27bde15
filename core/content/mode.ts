import { constants } from "node:fs";

const SETGID = 0o2000;
const USUAL_UMASK = 0o022;

/**
 * Describes permissions independently of the umask that a checkout was made with.
 *
 * The umask shows in the Dockerfile's permissions. Bits that it explains are described as git records them (`0644`,
 * `0755`). Other bits were set on purpose and reach the image, so they count, written `=0600`. The umask is not derived from
 * the files that are read, because a `chmod` of most of them would then go unnoticed. A setgid bit that a folder shares
 * with the context folder is inherited and does not count.
 */
export class Modes {
  readonly #umask: number;
  readonly #inherited: number;

  /**
   * @param root mode of the context folder
   * @param samples modes of files to derive the umask from: the one that explains most of them
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
  // The usual umask comes first and wins a tie, so that one file of two does not decide.
  const [missing] = [...votes].reduce((best, next) => (next[1] > best[1] ? next : best));
  // A umask that denies reading denies entering folders too.
  return missing | ((missing & 0o044) >> 2);
}
