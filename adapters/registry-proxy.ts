import { timingSafeEqual } from "node:crypto";
import http from "node:http";
import type { Duplex } from "node:stream";
import { type Blob, configDigest, imagePart, onlyImage } from "../core/image-part";
import { MANIFESTS } from "./registry-session";

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
 * Beside the registry's images it has their lower layers as images of their own, tagged `part-<layers>-<digest in hex>`. An
 * engine forgets the finished layers of a pull that was cut off, but not those of an image that it has.
 *
 * @returns a function that takes a connection.
 */
export function registryProxy(options: ProxyOptions): (connection: Duplex) => void {
  const parts = new Map<string, Blob>();
  const server = http.createServer((request, response) => {
    void answer(request, response, options, parts).catch(() => {
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
  options: ProxyOptions,
  parts: Map<string, Blob>,
): Promise<void> {
  const { repositories, username, password } = options;
  const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  if (!isSame(request.headers.authorization ?? "", wanted)) {
    response.writeHead(401, { "www-authenticate": 'Basic realm="everfresh"' }).end();
    return;
  }
  const { url = "", method = "" } = request;
  const [, repository = "", kind, name = ""] =
    /^\/v2\/([a-z0-9._/-]+)\/(manifests|blobs)\/(\w[\w.:-]*)$/.exec(url) ?? [];
  if (!/^(GET|HEAD)$/.test(method) || !(url === "/v2/" || repositories.includes(repository))) {
    response.writeHead(403).end();
    return;
  }
  const [, layers, hex] = (kind === "manifests" && /^part-(\d+)-([0-9a-f]{64})$/.exec(name)) || [];
  if (layers && hex) {
    const part = await readPart(options, repository, `sha256:${hex}`, Number(layers));
    for (const each of part ? [part.manifest, part.config] : []) parts.set(each.digest, each);
    send(response, part?.manifest);
  } else if (parts.has(name)) send(response, parts.get(name));
  else await pass(request, response, options);
}

function send(response: http.ServerResponse, blob: Blob | undefined): void {
  if (!blob) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    "content-type": blob.mediaType,
    "content-length": blob.bytes.length,
    "docker-content-digest": blob.digest,
  });
  response.end(blob.bytes); // nothing of it, if only the head was asked for
}

/** A part of an image; undefined if it has none, such as an image for several platforms. */
async function readPart({ open }: ProxyOptions, repository: string, digest: string, layers: number) {
  const registry = `http://127.0.0.1:${await open()}/v2/${repository}`;
  const read = async (address: string): Promise<unknown> => {
    const answer = await fetch(`${registry}/${address}`, { headers: { accept: MANIFESTS } });
    return answer.ok ? answer.json() : undefined;
  };
  const found = await read(`manifests/${digest}`);
  const image = onlyImage(found);
  const manifest = image === undefined ? found : await read(`manifests/${image}`);
  const config = configDigest(manifest);
  return config === undefined ? undefined : imagePart(manifest, await read(`blobs/${config}`), layers);
}

/** Passes a request on to the registry. */
async function pass(
  { method, url, headers: { accept, range } }: http.IncomingMessage,
  response: http.ServerResponse,
  { open, onSent }: ProxyOptions,
): Promise<void> {
  const port = await open();
  if (response.destroyed) return; // the host has left meanwhile
  const asked = http.request({
    host: "127.0.0.1",
    port,
    method,
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
