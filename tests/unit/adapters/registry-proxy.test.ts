import assert from "node:assert/strict";
import { once } from "node:events";
import type http from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { config, hex, layers, manifest, OCI, proxiedRegistry, sha256 } from "./proxied-registry";

describe("a registry's proxy", () => {
  const proxied = proxiedRegistry();
  const { registries, serve, request, ask, asked } = proxied;

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
      assert.deepEqual([proxied.opened, asked()], [0, []]);
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
      proxied.sent,
      layers.reduce((sum, { length }) => sum + length, 0),
    );
  });

  it("passes on what part of a blob is wanted, and in which form a manifest", async () => {
    const range = "bytes=299990-";
    const { status, body } = await ask(`/v2/shop-web/blobs/${sha256(layers[0]!)}`, "GET", { range });
    assert.equal(status, 206);
    assert.ok(body.equals(layers[0]!.subarray(299_990)));
    assert.equal(proxied.sent, 10);
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
    assert.equal(host, proxied.registry);
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
      assert.deepEqual([proxied.opened, asked()], [0, []]);
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
      assert.deepEqual([proxied.opened, asked()], [0, []]);
    });
  }

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
      proxied.registry = await registries.start((_, response) => {
        response.writeHead(200, { "content-length": 10 });
        response.write("half", () => response.destroy());
      });
      await assert.rejects(ask(`/v2/shop-web/blobs/${sha256(config)}`), { code: "ECONNRESET" });
    });

    it("serves the next request", async () => {
      const there = proxied.registry;
      proxied.registry = "127.0.0.1:1";
      assert.equal((await ask("/v2/")).status, 502);
      proxied.registry = there;
      assert.equal((await ask("/v2/")).status, 200);
    });
  });

  describe("whose client leaves", () => {
    /** Starts a registry that never ends its answer. @returns whether the request to it has ended. */
    async function endless(): Promise<() => boolean> {
      let isOver = false;
      proxied.registry = await registries.start((request, response) => {
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
      const port = Number(proxied.registry.split(":")[1]);
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
        [...proxied.connections].every(({ destroyed }) => destroyed),
      );
      start();
      await pause(50);
      assert.deepEqual(asked(), []);
    });
  });
});
