import { utils } from "ssh2";

/**
 * Makes a new pair of keys in OpenSSH's format. One in 256 that ssh2 makes is truncated and unreadable
 * (https://github.com/mscdex/ssh2/issues/1390), so it is made again.
 */
export function newKeys(comment = ""): { private: string; public: string } {
  for (;;) {
    const keys = utils.generateKeyPairSync("ed25519", { comment });
    const whole = [keys.private, keys.public].every((key) => !(utils.parseKey(key) instanceof Error));
    if (whole) return keys;
  }
}
