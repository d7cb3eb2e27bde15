import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { type Hit, startLoad } from "../../lab/load";

describe("a load", function () {
  this.timeout(300_000); // the first one builds vegeta
  let server: Server | undefined;

  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  /** Loads a server for half a second. */
  async function loaded(answer: RequestListener, options = {}) {
    server = createServer(answer).listen(0, "127.0.0.1");
    await new Promise((resolve) => server!.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    await using load = await startLoad(`http://127.0.0.1:${port}`, { rate: 100, ...options });
    await pause(500);
    return load.stop();
  }
  const ofStream = (hits: Hit[], name: string) => hits.filter(({ stream }) => stream === name);

  it("sends GETs on kept and on fresh connections, POSTs and slow requests, and reads who answered", async () => {
    const seen = new Set<string>();
    const { hits, failures } = await loaded((request, response) => {
      seen.add(`${request.method} ${request.url} ${request.headers.connection ?? "keep-alive"}`);
      response.end("v1\n");
    });
    assert.deepEqual(failures, []);
    assert.deepEqual([...seen].sort(), [
      "GET / close",
      "GET / keep-alive",
      "GET /slow keep-alive",
      "POST / keep-alive",
    ]);
    assert.ok(hits.length >= 30, `${hits.length} requests`);
    assert.ok(hits.every(({ body }) => body === "v1"));
  });

  const faults: [name: string, answer: RequestListener, status: number, error: RegExp][] = [
    ["another status than 200", (_, response) => response.writeHead(503).end(), 503, /503/],
    ["a redirection", (_, response) => response.writeHead(302, { location: "/" }).end(), 302, /302/],
    ["a 204", (_, response) => response.writeHead(204).end(), 204, /204/],
    ["a connection that is cut", (request) => request.socket.destroy(), 0, /EOF|reset/],
    [
      "an answer that is cut",
      (_, response) => {
        response.writeHead(200, { "content-length": 10 }).write("v1");
        setTimeout(() => response.destroy(), 20);
      },
      0,
      /EOF|reset/,
    ],
    ["no answer in time", () => {}, 0, /[Tt]imeout|deadline/],
  ];
  for (const [name, answer, status, error] of faults) {
    it(`counts ${name} as a failure`, async () => {
      const { hits, failures } = await loaded(
        (request, response) => {
          if (request.method === "POST") answer(request, response);
          else response.end("v1");
        },
        { timeout: 1 },
      );
      const posts = ofStream(hits, "post");
      assert.ok(posts.length > 0);
      assert.deepEqual(failures, posts);
      for (const post of posts) {
        assert.match(post.error, error);
        assert.equal(post.status, status);
      }
    });
  }

  it("counts refused connections as failures", async () => {
    await using load = await startLoad("http://127.0.0.1:1", { rate: 100 });
    await pause(300);
    const { hits, failures } = await load.stop();
    assert.ok(hits.length > 0);
    assert.equal(failures.length, hits.length);
    assert.match(failures[0]!.error, /refused/);
  });
});
