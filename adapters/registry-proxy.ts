import { timingSafeEqual } from "node:crypto";
import http from "node:http";
import type { Duplex } from "node:stream";

/** What a host may read, and how it proves that it may. */
export interface ProxyOptions {
  /** The repositories, such as `shop-web`. */
  repositories: readonly string[];
  username: string;
  password: string;
  /** Called before anything is read: the port of 127.0.0.1 that the registry listens on. */
  open: () => Promise<number>;
  /** Called with the number of bytes that have been sent since the last call. */
  onSent?: (bytes: number) => void;
}

/**
 * Serves one registry, read-only, to whoever connects with the right login. It listens nowhere: connections are handed to it.
 *
 * @returns a function that takes a connection.
 */
export function registryProxy(options: ProxyOptions): (connection: Duplex) => void {
  const server = http.createServer((request, response) => {
    void answer(request, response, options).catch(() => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    });
  });
  return (connection) => {
    connection.on("error", () => {}); // the host asks again
    server.emit("connection", connection);
  };
}

async function answer(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  { repositories, username, password, open, onSent }: ProxyOptions,
): Promise<void> {
  const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  if (!isSame(request.headers.authorization ?? "", wanted)) {
    response.writeHead(401, { "www-authenticate": 'Basic realm="everfresh"' }).end();
    return;
  }
  const url = request.url ?? "";
  const repository = /^\/v2\/([a-z0-9._/-]+)\/(?:manifests|blobs)\/[\w.:-]+$/.exec(url)?.[1];
  const mayRead = url === "/v2/" || (repository !== undefined && repositories.includes(repository));
  if (!/^(GET|HEAD)$/.test(request.method ?? "") || !mayRead) {
    response.writeHead(403).end();
    return;
  }
  const { accept, range } = request.headers;
  const asked = http.request({
    host: "127.0.0.1",
    port: await open(),
    method: request.method,
    path: url,
    headers: { ...(accept && { accept }), ...(range && { range }) },
  });
  response.once("close", () => asked.destroy());
  await new Promise<void>((resolve, reject) => {
    asked.once("error", reject);
    asked.once("response", (given) => {
      response.writeHead(given.statusCode ?? 502, given.headers);
      given.on("data", (piece: Buffer) => onSent?.(piece.length));
      given.once("error", reject);
      given.once("end", resolve);
      given.pipe(response);
    });
    asked.end();
  });
}

function isSame(given: string, wanted: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}
