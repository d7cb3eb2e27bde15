import { createHash } from "node:crypto";
import { Client } from "ssh2";
import { brief } from "../core/printable";
import { Problems, problem } from "../core/problems";

/** The public key that a host presents. Nobody has verified it yet. */
export interface PresentedKey {
  /** `ssh-ed25519 AAAA…` */
  line: string;
  /** `SHA256:…`, as `ssh-keygen -lf` prints it. */
  fingerprint: string;
}

/** Best first. No RSA: current servers do not prove an `ssh-rsa` line. */
const types = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"] as const;

const PATIENCE_MS = 8000;

/**
 * Asks an sshd for its key, as `ssh-keyscan` does, without trying to log in.
 *
 * @throws Problems when it does not answer, or has no key of a supported type.
 */
export function fetchHostKey(address: string, port: number): Promise<PresentedKey> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    const refuse = (why: string) => {
      clearTimeout(late);
      reject(
        new Problems([
          problem(
            `${address}:${port}`,
            `does not show a host key (${why})`,
            "check the address, the port and that sshd runs and has an ed25519 key",
          ),
        ]),
      );
      client.destroy();
    };
    // ssh2 stops its own timer at the first line from the server.
    const late = setTimeout(() => refuse("no answer in time"), PATIENCE_MS);
    client.on("error", (error) => refuse(brief(error)));
    client.once("close", () => refuse("it closed the connection"));
    client.connect({
      host: address,
      port,
      username: "nobody",
      readyTimeout: PATIENCE_MS,
      algorithms: { serverHostKey: [...types] },
      hostVerifier: (key: Buffer) => {
        const shown = presented(key);
        clearTimeout(late);
        if (shown) resolve(shown);
        else refuse("its key has an unsupported type");
        return false;
      },
    });
  });
}

/**
 * Reads a key blob. It begins with the key's type, a string after its length in four bytes (RFC 4253, 6.6).
 *
 * @returns undefined for a type that was not asked for.
 */
export function presented(key: Buffer): PresentedKey | undefined {
  const type = types.find((type) =>
    key.toString("latin1").startsWith(`\0\0\0${String.fromCharCode(type.length)}${type}`),
  );
  if (type === undefined) return undefined;
  return {
    line: `${type} ${key.toString("base64")}`,
    fingerprint: `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`,
  };
}
