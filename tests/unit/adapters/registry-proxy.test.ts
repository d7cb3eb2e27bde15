import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import http, { type IncomingHttpHeaders } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { type ProxyOptions, registryProxy } from "../../../adapters/registry-proxy";
import { BASIC, AUTH as login, registryServers } from "./registry-server";

const sha256 = (bytes: string | Buffer) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const OCI = "application/vnd.oci.image.manifest.v1+json";
const layers = [Buffer.alloc(300_000, "lower"), Buffer.from([0, 255, 13, 10]), Buffer.from("upper")];
const config = JSON.stringify({
  architecture: "amd64",
  os: "linux",
  rootfs: { type: "layers", diff_ids: layers.map((layer) => sha256(`unpacked ${layer}`)) },
});
const manifest = JSON.stringify({
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
const single = indexOf("linux", "unknown");
const several = indexOf("linux", "windows");
const hex = (content: string) => sha256(content).slice("sha256:".length);
const blobs = Object.fromEntries([Buffer.from(config), ...layers].map((bytes) => [sha256(bytes), bytes]));

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

describe("a registry's proxy", () => {
  const registries = registryServers();
  let registry: string;
  let proxy: Server;
  let opened: number;
  let sent: number;
  let connections: Set<Socket>;

  /** What the registry is asked, such as `GET /v2/`. */
  const asked = () => registries.requests.map(({ method, url }) => `${method} ${url}`);

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

  const eventually = async (what: string, holds: () => boolean): Promise<void> => {
    for (let tries = 0; !holds(); tries++) {
      assert.ok(tries < 200, `not in time: ${what}`);
      await pause(10);
    }
  };

  const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
  for (const [name, authorization] of [
    ["no login", ""],
    ["a wrong password", basic("ci:s3creT")],
    ["a shorter password", basic("ci:s3cre")],
    ["a longer password", basic("ci:s3cret0")],
    ["another user", basic("c1:s3cret")],
    ["a token", "Bearer s3cret"],
  ] as const) {
    it(`asks for a login, and leaves the registry alone, after ${name}`, async () => {
      for (const path of [
        "/v2/",
        "/v2/shop-web/manifests/latest",
        `/v2/shop-web/manifests/part-1-${hex(manifest)}`,
      ]) {
        const { status, headers, body } = await ask(path, "GET", { authorization });
        assert.deepEqual([status, headers["www-authenticate"]], [401, 'Basic realm="everfresh"']);
        assert.equal(body.length, 0);
      }
      assert.deepEqual([opened, asked()], [0, []]);
    });
  }

  it("answers that it is a registry", async () => {
    assert.equal((await ask("/v2/")).status, 200);
  });

  it("gives the manifests of its repositories, with the registry's headers", async () => {
    for (const name of ["latest", sha256(manifest)]) {
      const { status, headers, body } = await ask(`/v2/shop-api/manifests/${name}`);
      assert.equal(status, 200);
      assert.equal(headers["docker-content-digest"], sha256(manifest));
      assert.equal(headers["content-type"], OCI);
      assert.equal(body.toString(), manifest);
    }
  });

  it("gives blobs byte for byte, and counts the bytes", async () => {
    for (const layer of layers) {
      const { status, body } = await ask(`/v2/shop-web/blobs/${sha256(layer)}`);
      assert.equal(status, 200);
      assert.ok(body.equals(layer), `${body.length} other bytes`);
    }
    assert.equal(
      sent,
      layers.reduce((sum, { length }) => sum + length, 0),
    );
  });

  it("passes on what part of a blob is wanted, and in which form a manifest", async () => {
    const range = "bytes=299990-";
    const { status, body } = await ask(`/v2/shop-web/blobs/${sha256(layers[0]!)}`, "GET", { range });
    assert.equal(status, 206);
    assert.ok(body.equals(layers[0]!.subarray(299_990)));
    assert.equal(sent, 10);
    await ask("/v2/shop-web/manifests/latest", "GET", { accept: OCI });
    assert.deepEqual(
      registries.requests.map(({ headers }) => [headers.range, headers.accept]),
      [
        [range, undefined],
        [undefined, OCI],
      ],
    );
  });

  it("asks the registry only for a head when only the head is wanted", async () => {
    await ask("/v2/shop-web/manifests/latest", "HEAD");
    assert.deepEqual(asked(), ["HEAD /v2/shop-web/manifests/latest"]);
  });

  it("does not tell the registry the login, or any other header", async () => {
    await ask("/v2/shop-web/manifests/latest", "GET", { cookie: "a=b", "x-forwarded-for": "h" });
    const { host, connection, ...others } = registries.requests[0]!.headers;
    assert.equal(host, registry);
    assert.deepEqual(others, {});
  });

  it("says what the registry lacks", async () => {
    const { status, body } = await ask("/v2/shop-web/manifests/other");
    assert.deepEqual([status, body.toString()], [404, "no such thing"]);
  });

  for (const path of ["/v2/shop-web/manifests/latest", `/v2/shop-web/manifests/part-1-${hex(manifest)}`]) {
    it(`sends no body when only the head of ${path.slice(0, 34)} is asked for`, async () => {
      const [head, whole] = [await ask(path, "HEAD"), await ask(path)];
      assert.equal(head.status, 200);
      assert.equal(head.body.length, 0);
      for (const name of ["content-length", "content-type", "docker-content-digest"] as const)
        assert.equal(head.headers[name], whole.headers[name]);
      assert.equal(Number(head.headers["content-length"]), whole.body.length);
    });
  }

  for (const method of ["PUT", "POST", "DELETE", "PATCH", "OPTIONS"]) {
    it(`refuses ${method}`, async () => {
      for (const path of ["/v2/", "/v2/shop-web/manifests/latest", `/v2/shop-web/blobs/${sha256(config)}`])
        assert.equal((await ask(path, method)).status, 403);
      assert.deepEqual([opened, asked()], [0, []]);
    });
  }

  for (const path of [
    "/",
    "/v2",
    "/v2/?n=1",
    "/v2/_catalog",
    "/v2/other/manifests/latest",
    "/v2/other/blobs/sha256:ab",
    `/v2/other/manifests/part-1-${hex(manifest)}`,
    "/v2/shop-web/tags/list",
    "/v2/shop-web/manifests/latest?n=1",
    "/v2/shop-web/manifests/",
    "/v2/shop-web/manifests/..",
    "/v2/shop-web/blobs/..",
    "/v2/shop-web/blobs/.",
    "/v2/shop-web/blobs/uploads/",
    "/v2/shop-web/../other/manifests/latest",
    "/v2/other/../shop-web/manifests/latest",
    "/v2/shop-web/manifests/../../other/manifests/latest",
    "/v2/shop-web/blobs/%2e%2e",
    "/v2/shop-web%2fmanifests/latest",
    "/v2/shop-web/manifests/latest%2f..",
    "/v2/other%2f..%2fshop-web/manifests/latest",
    "/v2//shop-web/manifests/latest",
    "/v2/shop-web/manifests/latest/referrers",
    "/v2/Shop-Web/manifests/latest",
    "http://127.0.0.1/v2/shop-web/manifests/latest",
  ]) {
    it(`refuses ${path.replace(hex(manifest), "…")}`, async () => {
      for (const method of ["GET", "HEAD"]) assert.equal((await ask(path, method)).status, 403);
      assert.deepEqual([opened, asked()], [0, []]);
    });
  }

  describe("for a part of an image", () => {
    const part = (layers: number, of = hex(manifest)) => `/v2/shop-web/manifests/part-${layers}-${of}`;

    it("gives a manifest of the lower layers, under its own digest", async () => {
      const { status, headers, body } = await ask(part(2));
      assert.equal(status, 200);
      assert.equal(headers["docker-content-digest"], sha256(body));
      assert.equal(headers["content-type"], OCI);
      assert.deepEqual(JSON.parse(body.toString()).layers, JSON.parse(manifest).layers.slice(0, 2));
    });

    it("gives its configuration after that, whole also to those who ask for its head first", async () => {
      const { config: own } = JSON.parse((await ask(part(2))).body.toString());
      const path = `/v2/shop-web/blobs/${own.digest}`;
      const [head, { status, headers, body }] = [await ask(path, "HEAD"), await ask(path)];
      assert.deepEqual([head.status, head.headers["content-length"]], [200, `${own.size}`]);
      assert.equal(status, 200);
      assert.deepEqual([sha256(body), body.length], [own.digest, own.size]);
      assert.equal(headers["docker-content-digest"], own.digest);
      assert.deepEqual(
        JSON.parse(body.toString()).rootfs.diff_ids,
        JSON.parse(config).rootfs.diff_ids.slice(0, 2),
      );
    });

    it("is that of the only image in an index", async () => {
      const [whole, inIndex] = await Promise.all([ask(part(1)), ask(part(1, hex(single)))]);
      assert.ok(whole.body.equals(inIndex.body) && whole.body.length > 0);
    });

    it("gives the layers as they are in the whole", async () => {
      const manifest = JSON.parse((await ask(part(1))).body.toString());
      const { body } = await ask(`/v2/shop-web/blobs/${manifest.layers[0].digest}`);
      assert.ok(body.equals(layers[0]!));
    });

    for (const [name, path] of [
      ["of no layers", part(0)],
      ["of all layers", part(3)],
      ["of an index for several systems", part(1, hex(several))],
      ["of an image that the registry lacks", part(1, "0".repeat(64))],
    ] as const) {
      it(`says that there is none ${name}`, async () => {
        const { status, body } = await ask(path);
        assert.deepEqual([status, body.length], [404, 0]);
      });
    }
  });

  describe("whose registry fails", () => {
    for (const path of [
      "/v2/",
      "/v2/shop-web/manifests/latest",
      `/v2/shop-web/manifests/part-1-${hex(manifest)}`,
    ]) {
      const name = path.replace(hex(manifest), "…");
      it(`answers 502 for ${name} when the registry is gone`, async () => {
        registries.stop();
        assert.equal((await ask(path)).status, 502);
      });

      it(`answers 502 for ${name} when the registry does not start`, async () => {
        await serve({ open: () => Promise.reject(new Error("no program")) });
        assert.equal((await ask(path)).status, 502);
      });
    }

    it("cuts an answer that the registry cuts, so that nobody takes it for whole", async () => {
      registry = await registries.start((_, response) => {
        response.writeHead(200, { "content-length": 10 });
        response.write("half", () => response.destroy());
      });
      await assert.rejects(ask(`/v2/shop-web/blobs/${sha256(config)}`), { code: "ECONNRESET" });
    });

    it("serves the next request", async () => {
      const there = registry;
      registry = "127.0.0.1:1";
      assert.equal((await ask("/v2/")).status, 502);
      registry = there;
      assert.equal((await ask("/v2/")).status, 200);
    });
  });

  describe("whose client leaves", () => {
    /** Starts a registry that never ends its answer. @returns whether the request to it has ended. */
    async function endless(): Promise<() => boolean> {
      let isOver = false;
      registry = await registries.start((request, response) => {
        const drip = setInterval(() => response.write(Buffer.alloc(1000)), 5);
        request.socket.once("close", () => {
          clearInterval(drip);
          isOver = true;
        });
      });
      return () => isOver;
    }

    it("in the middle of an answer, ends its request to the registry", async () => {
      const isOver = await endless();
      const question = request(`/v2/shop-web/blobs/${sha256(config)}`).end();
      const [answer] = (await once(question, "response")) as [http.IncomingMessage];
      await once(answer, "data");
      assert.ok(!isOver());
      answer.destroy();
      await eventually("the request to the registry has ended", isOver);
    });

    it("while the registry starts, asks it for nothing", async () => {
      const port = Number(registry.split(":")[1]);
      let start = () => {};
      const started = new Promise<number>((resolve) => {
        start = () => resolve(port);
      });
      let isOpened = false;
      await serve({
        open: () => {
          isOpened = true;
          return started;
        },
      });
      const question = request(`/v2/shop-web/blobs/${sha256(config)}`).end();
      question.on("error", () => {});
      await eventually("the registry is started", () => isOpened);
      question.destroy();
      await eventually("the connection is closed", () =>
        [...connections].every(({ destroyed }) => destroyed),
      );
      start();
      await pause(50);
      assert.deepEqual(asked(), []);
    });
  });
});
