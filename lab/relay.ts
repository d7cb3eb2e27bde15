import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";

/** A TCP relay in front of a host: it counts what goes through, and can hold it up or cut it off. */
export interface Relay {
  /** The port of 127.0.0.1 that it listens on. */
  port: number;
  /** How many bytes have gone to the host. */
  sent(): number;
  /** Lets only that many more bytes through to the host. */
  holdAfter(bytes: number): void;
  /** Ends all connections, and lets later ones through again. */
  cut(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** @param rate - how many bytes per second may go to the host. */
export async function startRelay(
  { address, port }: { address: string; port: number },
  rate = Number.POSITIVE_INFINITY,
): Promise<Relay> {
  let sent = 0;
  /** When the connection is free again, if it has a rate. */
  let busyUntil = 0;
  let limit = Number.POSITIVE_INFINITY;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const host = createConnection(port, address);
    for (const socket of [client, host]) {
      open.add(socket.setNoDelay(true));
      socket.on("error", () => {});
      socket.on("close", () => {
        open.delete(socket);
        client.destroy();
        host.destroy();
      });
    }
    host.pipe(client);
    client.on("data", (data) => {
      sent += data.length;
      busyUntil = Math.max(busyUntil, Date.now()) + (data.length / rate) * 1000;
      const isFull = !host.write(data);
      if (!isFull && sent < limit && rate === Number.POSITIVE_INFINITY) return;
      client.pause();
      const resume = () => setTimeout(() => sent < limit && client.resume(), busyUntil - Date.now());
      if (isFull) host.once("drain", resume);
      else resume();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    limit = Number.POSITIVE_INFINITY;
    for (const socket of open) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    sent: () => sent,
    holdAfter(bytes) {
      limit = sent + bytes;
    },
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
