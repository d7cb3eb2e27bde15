import { utils } from "ssh2";

/**
 * A new pair of keys in OpenSSH's format. Every 256th that ssh2 makes is cut short (mscdex/ssh2#1390), and nobody can read it:
 * that one is not taken.
 */
export function newKeys(comment = ""): { private: string; public: string } {
  for (;;) {
    const keys = utils.generateKeyPairSync("ed25519", { comment });
    const whole = [keys.private, keys.public].every((key) => !(utils.parseKey(key) instanceof Error));
    if (whole) return keys;
  }
}
