import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { checkLogin, imageLayers, onBuildOf, resolveDigest } from "../../adapters/registry";
import { inABox } from "./support/box";
import { anyText, bytes, damaged, damagedText, json, secret } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { Refusal, valueOrRefusal } from "./support/refusals";

const digest = `sha256:${"a".repeat(64)}`;
const auth = { username: "ci", password: secret };
const token = `token-${secret}`;

const index = {
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.index.v1+json",
  manifests: [
    { digest, size: 500, platform: { os: "linux", architecture: "arm64", variant: "v8" } },
    { digest, size: 500, platform: { os: "linux", architecture: "amd64" } },
    { digest, size: 500, platform: { os: "unknown", architecture: "unknown" } },
  ],
};
const manifest = {
  schemaVersion: 2,
  config: { digest, size: 100 },
  layers: [
    { digest, size: 1000 },
    { digest, size: 20 },
  ],
};
const config = {
  config: { OnBuild: ["COPY . /app"], Env: ["A=1"] },
  rootfs: { type: "layers", diff_ids: [`sha256:${"b".repeat(64)}`, `sha256:${"c".repeat(64)}`] },
};

/** A connection's bytes as a server of HTTP sends them, or what a server sends that is none. */
interface Answer {
  head: Buffer;
  body: Buffer;
  /** How it comes: at once, byte by byte without an end, or cut off in the middle. */
  way: "whole" | "drip" | "cut";
}

const documents = fc.oneof(
  fc
    .oneof(damaged(index), damaged(manifest), damaged(config), json)
    .map((each) => Buffer.from(JSON.stringify(each))),
  fc
    .oneof(damaged({ token }), damaged({ access_token: token, expires_in: 300 }))
    .map((each) => Buffer.from(JSON.stringify(each))),
  fc.constantFrom(index, manifest, config, { token }).map((each) => Buffer.from(JSON.stringify(each))),
  damagedText(JSON.stringify(manifest)).map((each) => Buffer.from(each)),
  fc.constantFrom("", "null", "[]", "{}", '""', "<html>log in</html>").map((each) => Buffer.from(each)),
  bytes,
);

describe("hostile answers of a registry", function () {
  this.timeout(patienceFor(60_000));
  inABox();
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  });

  /** A server that answers each request with what it is given, and keeps what was asked. */
  async function serve(answer: (socket: Socket, request: string) => void): Promise<string> {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => sockets.delete(socket));
      let heard = "";
      const hear = (data: Buffer) => {
        heard += data.toString("latin1");
        if (!heard.includes("\r\n\r\n")) return;
        socket.off("data", hear);
        socket.resume();
        answer(socket, heard);
      };
      socket.on("data", hear);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    servers.push(server);
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  function send(socket: Socket, { head, body, way }: Answer): void {
    if (way === "whole") socket.end(Buffer.concat([head, body]));
    else if (way === "cut")
      socket.write(Buffer.concat([head, body.subarray(0, body.length / 2)]), () => socket.destroy());
    else {
      socket.write(head);
      const timer = setInterval(() => socket.write("{"), 20);
      socket.once("close", () => clearInterval(timer));
    }
  }

  const line = (text: string) => text.replace(/[\r\n]/g, " ");
  const realm = (here: string, elsewhere: string) =>
    fc.oneof(
      { weight: 6, arbitrary: fc.constant(`http://${here}/token`) },
      { weight: 2, arbitrary: fc.constant(`http://${elsewhere}/token`) },
      fc.constantFrom(
        "/token",
        "//evil.invalid/token",
        "file:///etc/passwd",
        "data:application/json,{}",
        "ftp://x.invalid/",
        "http://",
        "javascript:1",
      ),
      anyText,
    );
  const challenge = (here: string, elsewhere: string) =>
    fc.oneof(
      fc.constantFrom("Basic", 'Basic realm="x"', "Bearer", "Negotiate", ""),
      fc
        .tuple(realm(here, elsewhere), anyText, anyText)
        .map(([realm, service, scope]) => `Bearer realm="${realm}",service="${service}",scope="${scope}"`),
      anyText,
    );
  function answers(here: string, elsewhere: string): fc.Arbitrary<Answer> {
    const status = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(200, 200, 200, 401, 401, 404) },
      fc.constantFrom(
        100,
        201,
        204,
        206,
        301,
        302,
        303,
        304,
        307,
        308,
        400,
        403,
        405,
        407,
        416,
        429,
        500,
        503,
        599,
        600,
        999,
        0,
      ),
    );
    const header = fc.oneof(
      fc
        .constantFrom(digest, `sha512:${"a".repeat(128)}`, "sha256:short", digest.toUpperCase())
        .map((each) => `Docker-Content-Digest: ${each}`),
      anyText.map((each) => `Docker-Content-Digest: ${line(each)}`),
      challenge(here, elsewhere).map((each) => `WWW-Authenticate: ${line(each)}`),
      fc
        .oneof(fc.constant(`http://${elsewhere}/away`), fc.constant("/again"), anyText)
        .map((each) => `Location: ${line(each)}`),
      fc.constantFrom(
        "Content-Length: 99999999999",
        "Content-Length: -1",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Content-Encoding: gzip",
        "Content-Encoding: br",
        "Content-Type: text/html",
      ),
      fc.tuple(anyText, anyText).map(([name, value]) => `${line(name)}: ${line(value)}`),
    );
    const http = fc
      .tuple(status, fc.array(header, { maxLength: 3 }), documents)
      .map(([status, headers, body]) => ({
        head: Buffer.from([`HTTP/1.1 ${status} x`, "Connection: close", ...headers, "", ""].join("\r\n")),
        body,
      }));
    const garbage = bytes.map((body) => ({ head: Buffer.alloc(0), body }));
    const sent = fc.oneof({ weight: 12, arbitrary: http }, garbage);
    const way = fc.oneof(
      { weight: 20, arbitrary: fc.constant("whole" as const) },
      fc.constantFrom("drip" as const, "cut" as const),
    );
    return fc.tuple(sent, way).map(([answer, way]) => ({ ...answer, way }));
  }

  it("are read as an image's, or refused in our own words in time, without a password", async () => {
    let script: Answer[] = [];
    let asked = 0;
    const leaked: string[] = [];
    const elsewhere = await serve((socket, request) => {
      if (/^authorization:/im.test(request) && !/^GET \/token/.test(request)) leaked.push(request);
      socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${JSON.stringify({ token })}`);
    });
    const here = await serve((socket) => send(socket, script[asked++ % script.length]!));
    const scripts = fc.array(answers(here, elsewhere), { minLength: 1, maxLength: 5 });
    const input = fc.tuple(scripts, fc.option(fc.constant(auth), { nil: undefined }), fc.nat(3));
    await tryAll(
      "registry answers",
      150,
      input,
      async ([next, auth, what]) => {
        [script, asked] = [next, 0];
        const options = { timeout: 150, ...(auth && { auth }) };
        const name = `${here}/shop/web`;
        if (what === 0) {
          await valueOrRefusal(() => checkLogin(here, options));
        } else if (what === 1) {
          const found = await valueOrRefusal(() => resolveDigest(`${name}:v1`, options));
          if (!(found instanceof Refusal || found === undefined))
            assert.match(found, /^sha256:[0-9a-f]{64}$/);
        } else if (what === 2) {
          const layers = await valueOrRefusal(() => imageLayers(name, undefined, options));
          for (const { diffId, bytes } of layers instanceof Refusal ? [] : (layers ?? [])) {
            assert.match(diffId, /^sha256:[0-9a-f]{64}$/);
            assert.ok(Number.isSafeInteger(bytes) && bytes >= 0, String(bytes));
          }
        } else {
          const instructions = await valueOrRefusal(() => onBuildOf(name, digest, options));
          if (instructions instanceof Refusal || instructions === undefined) return;
          assert.ok(Array.isArray(instructions));
          for (const each of instructions) assert.equal(typeof each, "string");
        }
        // fetch follows 20 redirections of each request.
        assert.ok(asked < 100, `asked ${asked} times`);
        assert.deepEqual(leaked, [], "the password went to somebody else");
      },
      { within: 5000, dear: true },
    );
  });

  it("never send the password anywhere but to an https address", async () => {
    const { fetch } = globalThis;
    const realms = fc.oneof(
      fc.constantFrom(
        "http://registry.example.com/token",
        "HTTP://x/",
        "http:x",
        "http:\\\\x/",
        " http://x/",
        "ht\ttp://x/",
        "https://auth.example.com/token",
        "ws://x/",
        "file:///etc/passwd",
        "ftp://x/",
        "data:,x",
        "blob:http://x/1",
      ),
      fc.tuple(fc.constantFrom("http://", "https://", "//", ""), anyText).map((parts) => parts.join("")),
    );
    try {
      await tryAll("registry answers", 200, fc.tuple(realms, anyText), async ([realm, service]) => {
        const sent: { asked: string; withPassword: boolean }[] = [];
        globalThis.fetch = async (url, init) => {
          const asked = new Request(url).url;
          const headers = new Headers(init?.headers);
          sent.push({ asked, withPassword: headers.has("authorization") });
          if (!asked.startsWith("https://registry.example.com/v2/"))
            return new Response(JSON.stringify({ token }));
          if (headers.get("authorization")?.startsWith("Bearer ")) return new Response("{}");
          const challenge = `Bearer realm="${realm}",service="${service}"`.replace(
            /[^\t -~\u0080-\u00ff]/g,
            "?",
          );
          return new Response("", { status: 401, headers: { "www-authenticate": challenge } });
        };
        await valueOrRefusal(() => checkLogin("registry.example.com", { auth }));
        for (const { asked, withPassword } of sent) if (withPassword) assert.match(asked, /^https:\/\//);
        assert.ok(sent.length <= 3);
      });
    } finally {
      globalThis.fetch = fetch;
    }
  });

  for (const [what, head, piece] of [
    ["without an end", "Connection: close\r\n", Buffer.alloc(256 * 1024, "[")],
    [
      "packed, of a thousand times its size",
      "Connection: close\r\nContent-Encoding: gzip\r\n",
      gzipSync(Buffer.alloc(256 * 2 ** 20, "[")),
    ],
  ] as const) {
    it(`${what} are abandoned before they fill the memory`, async () => {
      const most = 64 * 2 ** 20;
      let sent = 0;
      const here = await serve((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n`);
        const more = (): void => {
          if (socket.destroyed || sent >= 200 * 2 ** 20) return void socket.end();
          sent += piece.length;
          // One that is packed is sent once: it is large enough.
          if (head.includes("gzip")) socket.end(piece);
          else socket.write(piece, () => setImmediate(more));
        };
        more();
      });
      let peak = 0;
      const before = process.memoryUsage().rss;
      const watch = setInterval(() => {
        peak = Math.max(peak, process.memoryUsage().rss - before);
      }, 5);
      const found = await valueOrRefusal(() =>
        imageLayers(`${here}/shop/web`, undefined, { timeout: 10_000 }),
      );
      clearInterval(watch);
      assert.ok(found instanceof Refusal, "was taken");
      assert.ok(sent <= most, `took ${Math.round(sent / 2 ** 20)} MB`);
      assert.ok(peak < 2 * most, `grew by ${Math.round(peak / 2 ** 20)} MB`);
    });
  }
});
