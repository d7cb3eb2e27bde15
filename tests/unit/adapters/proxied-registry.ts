import { createHash } from "node:crypto";
import { once } from "node:events";
import http, { type IncomingHttpHeaders } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type ProxyOptions, registryProxy } from "../../../adapters/registry-proxy";
import { BASIC, AUTH as login, registryServers } from "./registry-server";

export const sha256 = (bytes: string | Buffer) =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export const OCI = "application/vnd.oci.image.manifest.v1+json";
export const layers = [Buffer.alloc(300_000, "lower"), Buffer.from([0, 255, 13, 10]), Buffer.from("upper")];
export const config = JSON.stringify({
  architecture: "amd64",
  os: "linux",
  rootfs: { type: "layers", diff_ids: layers.map((layer) => sha256(`unpacked ${layer}`)) },
});
export const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: OCI,
  config: {
    mediaType: "application/vnd.oci.image.config.v1+json",
    digest: sha256(config),
    size: config.length,
  },
  layers: layers.map((layer) => ({ mediaType: "x", digest: sha256(layer), size: layer.length })),
});
const indexOf = (...systems: string[]) =>
  JSON.stringify({
    schemaVersion: 2,
    manifests: systems.map((os) => ({ digest: sha256(manifest), platform: { os, architecture: "amd64" } })),
  });
/** With an attestation, as the containerd image store pushes it. */
export const single = indexOf("linux", "unknown");
export const several = indexOf("linux", "windows");
export const hex = (content: string) => sha256(content).slice("sha256:".length);
const blobs = Object.fromEntries([Buffer.from(config), ...layers].map((bytes) => [sha256(bytes), bytes]));

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Gives each test of a suite a registry with one image, and a proxy of that registry on a port of this machine. */
export function proxiedRegistry() {
  const registries = registryServers();
  let registry: string;
  let proxy: Server;
  let opened: number;
  let sent: number;
  let connections: Set<Socket>;

  beforeEach(async () => {
    [opened, sent, connections] = [0, 0, new Set()];
    registry = await registries.start(({ method, url = "", headers: { range } }, response) => {
      const [, kind, name = ""] = /^\/v2\/shop-(?:web|api)\/(manifests|blobs)\/(.+)$/.exec(url) ?? [];
      const bytes =
        kind === "manifests"
          ? {
              latest: manifest,
              [sha256(manifest)]: manifest,
              [sha256(single)]: single,
              [sha256(several)]: several,
            }[name]
          : (blobs[name] ?? (url === "/v2/" ? "{}" : undefined));
      if (bytes === undefined) return response.writeHead(404).end("no such thing");
      const [, from] = /^bytes=(\d+)-$/.exec(range ?? "") ?? [];
      const part = Buffer.from(bytes as string).subarray(Number(from ?? 0));
      response.writeHead(from ? 206 : 200, {
        "content-length": part.length,
        "content-type": kind === "manifests" ? OCI : "application/octet-stream",
        "docker-content-digest": sha256(Buffer.from(bytes as string)),
      });
      response.end(method === "HEAD" ? undefined : part);
    });
    await serve({});
  });
  afterEach(() => {
    for (const connection of connections) connection.destroy();
    proxy.close();
  });

  /** Hands each connection to a port of this machine to a proxy. */
  async function serve(changes: Partial<ProxyOptions>): Promise<void> {
    proxy?.close();
    const take = registryProxy({
      repositories: ["shop-web", "shop-api"],
      ...login,
      open: async () => {
        opened++;
        return Number(registry.split(":")[1]);
      },
      onSent: (bytes) => {
        sent += bytes;
      },
      ...changes,
    });
    proxy = createServer((connection) => {
      connections.add(connection);
      take(connection);
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
  }

  const request = (path: string, method = "GET", headers: Record<string, string> = {}): http.ClientRequest =>
    http.request({
      host: "127.0.0.1",
      port: (proxy.address() as AddressInfo).port,
      path,
      method,
      headers: { authorization: BASIC, ...headers },
      agent: false,
    });

  async function ask(...args: Parameters<typeof request>): Promise<Answer> {
    const question = request(...args).end();
    const [answer] = (await once(question, "response")) as [http.IncomingMessage];
    const pieces = await answer.toArray();
    return { status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(pieces) };
  }

  return {
    registries,
    serve,
    request,
    ask,
    /** What the registry is asked, such as `GET /v2/`. */
    asked: () => registries.requests.map(({ method, url }) => `${method} ${url}`),
    /** The address, `host:port`, of the registry that the proxy opens. A test may set another. */
    get registry() {
      return registry;
    },
    set registry(address: string) {
      registry = address;
    },
    /** How often the proxy opened the registry. */
    get opened() {
      return opened;
    },
    /** How many bytes the proxy says that it sent. */
    get sent() {
      return sent;
    },
    /** The connections that the proxy was handed. */
    get connections(): ReadonlySet<Socket> {
      return connections;
    },
  };
}
