import type { Stats } from "node:fs";

const SPECIAL = 0o7000;
const SETGID = 0o2000;

/**
 * Says an entry's permissions without its owner's umask.
 *
 * A checkout has one umask, read off one of its files (the Dockerfile). Bits that it explains are written as git keeps them (`0644`,
 * `0755`); other bits were set by somebody, reach the image and count, written `=0600`. A setgid bit on folders that the context
 * folder has too is inherited, not set.
 */
export class Modes {
  readonly #umask: number;
  readonly #inherited: number;

  constructor(sample: Stats | undefined, root: Stats) {
    const missing = sample ? 0o666 & ~sample.mode & 0o066 : 0o022;
    // A umask that takes reading from somebody takes entering from them too.
    this.#umask = missing | ((missing & 0o044) >> 2);
    this.#inherited = root.mode & SETGID;
  }

  of(stat: Stats): string {
    const bits = stat.mode & 0o7777;
    const full = stat.isDirectory() || bits & 0o100 ? 0o777 : 0o666;
    const expected = (full & ~this.#umask) | (stat.isDirectory() ? this.#inherited : 0);
    if (bits === expected) return full === 0o777 ? "0755" : "0644";
    return `=${(bits & (SPECIAL | 0o777)).toString(8).padStart(4, "0")}`;
  }
}
