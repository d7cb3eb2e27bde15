import type { Duplex } from "node:stream";
import type { Client, TcpConnectionDetails } from "ssh2";
import { brief } from "../core/printable";
import { Problems, problem } from "../core/problems";

/** Only programs on the host itself can connect. */
const loopback = "127.0.0.1";

/**
 * Lets programs on a host connect to this machine: sshd listens on a free port of the host's loopback address.
 *
 * @param where - names the host in messages.
 * @param accept - called with each connection.
 * @returns the port.
 * @throws Problems if the host's sshd does not allow it.
 */
export function forwardBack(
  client: Client,
  where: string,
  accept: (connection: Duplex) => void,
): Promise<number> {
  client.on("tcp connection", (_: TcpConnectionDetails, take) => accept(take()));
  return listen(client, where);
}

/** @throws Problems if the host's sshd does not allow {@link forwardBack}. */
export async function mustAllowForwarding(client: Client, where: string): Promise<void> {
  const port = await listen(client, where);
  client.unforwardIn(loopback, port);
}

function listen(client: Client, where: string): Promise<number> {
  return new Promise((resolve, reject) => {
    client.forwardIn(loopback, 0, (error, port) => {
      if (!error) return resolve(port);
      const what = `its sshd does not let images through the connection (${brief(error)})`;
      const todo =
        "set `AllowTcpForwarding yes` in its sshd_config, or use a registry (`transport: registry`)";
      reject(new Problems([problem(where, what, todo)]));
    });
  });
}
