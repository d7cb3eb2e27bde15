import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { checkLogin, imageLayers, resolveDigest } from "../../../adapters/registry";
import type { RegistryError } from "../../../adapters/registry-error";
import { AUTH, BASIC, DIGEST, failure, registryServers, restoreFetch } from "./registry-server";

describe("a registry session", () => {
  const { start, requests } = registryServers();

  it("sends credentials only after a registry with basic authentication asks for them", async () => {
    const address = await start(({ headers }, response) => {
      if (headers.authorization === BASIC) response.setHeader("docker-content-digest", DIGEST).end();
      else response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    });
    assert.equal(await resolveDigest(`${address}/web`, { auth: AUTH }), DIGEST);
    assert.equal(requests[0]!.headers.authorization, undefined);
  });

  it("asks for a token for one repository only, at a registry with token authentication", async () => {
    const address = await start((request, response) => {
      if (request.url!.startsWith("/token?"))
        response.end(JSON.stringify({ token: request.headers.authorization === BASIC ? "t" : "no" }));
      else if (request.headers.authorization === "Bearer t")
        response.setHeader("docker-content-digest", DIGEST).end();
      else
        response
          .writeHead(401, { "www-authenticate": `Bearer realm="http://${address}/token",service="reg"` })
          .end();
    });
    assert.equal(await resolveDigest(`${address}/shop/web`, { auth: AUTH }), DIGEST);
    assert.equal(requests[1]!.url, "/token?service=reg&scope=repository%3Ashop%2Fweb%3Apull");
  });

  for (const page of ["<html>log in</html>", "null", "{}"]) {
    it(`rejects ${page} as the answer to a request for a token`, async () => {
      const address = await start(({ url }, response) =>
        url!.startsWith("/token")
          ? response.end(page)
          : response.writeHead(401, { "www-authenticate": `Bearer realm="http://${address}/token"` }).end(),
      );
      assert.equal((await failure(checkLogin(address, { auth: AUTH }))).problem, "failing");
    });
  }

  for (const token of ["a\nb", "ä", 5, ["t"], { a: 1 }])
    it(`rejects ${JSON.stringify(token)}, a token that cannot be sent in a header`, async () => {
      const address = await start(({ url }, response) =>
        url!.startsWith("/token")
          ? response.end(JSON.stringify({ token }))
          : response.writeHead(401, { "www-authenticate": `Bearer realm="http://${address}/token"` }).end(),
      );
      assert.equal((await failure(checkLogin(address, { auth: AUTH }))).problem, "failing");
    });

  it("gives up on a registry that does not answer", async () => {
    const address = await start(() => {});
    const error = await failure(checkLogin(address, { timeout: 50 }));
    assert.equal(error.problem, "unreachable");
    assert.match(error.message, /no answer in time/);
  });

  it("gives up on a registry that stops in the middle of an answer", async () => {
    const address = await start((_, response) => response.writeHead(200).write("{"));
    const error = await failure(imageLayers(`${address}/web`, undefined, { timeout: 50 }));
    assert.equal(error.problem, "unreachable");
    assert.match(error.message, /no answer in time/);
  });

  it("stops reading an answer after 4 MiB", async () => {
    let sent = 0;
    const address = await start((_, response) => {
      const more = () => {
        while (sent < 64 * 1024 * 1024 && response.write(Buffer.alloc(1024 * 1024))) sent += 1024 * 1024;
      };
      response.on("drain", more);
      more();
    });
    const error = await failure(imageLayers(`${address}/web`, undefined));
    assert.equal(
      error.message,
      `${address}: answers with more than 4 MiB; check what answers at this address`,
    );
    assert.ok(sent < 64 * 1024 * 1024, "it was read on");
  });

  it("gives up on an answer that arrives byte by byte", async () => {
    const address = await start((_, response) => {
      const drop = setInterval(() => response.write(" "), 10);
      response.on("close", () => clearInterval(drop));
    });
    const error = await failure(imageLayers(`${address}/web`, undefined, { timeout: 100 }));
    assert.match(error.message, /no answer in time/);
  });

  describe("whose registry asks for the credentials elsewhere", () => {
    restoreFetch();
    /** Logs in at a registry that names this realm, and records which addresses get the credentials. */
    const logIn = async (registry: string, realm: string, options = {}) => {
      const requests: string[] = [];
      globalThis.fetch = async (url, init) => {
        const { authorization = "nobody" } = (init as { headers: Record<string, string> }).headers;
        requests.push(`${url} as ${authorization}`);
        if (authorization === "Bearer t") return new Response("{}");
        return String(url).startsWith(realm.replace(/\/\/.*@/, "//"))
          ? new Response('{"token":"t"}')
          : new Response("", { status: 401, headers: { "www-authenticate": `Bearer realm="${realm}"` } });
      };
      const error = await checkLogin(registry, { auth: AUTH, ...options }).then(
        () => undefined,
        (error: RegistryError) => error.message,
      );
      return { error, told: requests.filter((request) => request.includes(BASIC)) };
    };

    for (const [registry, realm, options] of [
      ["registry.example.com", "https://auth.example.net/token", {}],
      ["localhost:5000", "http://localhost:5001/token", {}],
      ["localhost:5000", "https://auth.example.net/token", {}],
      ["registry.example.com", "http://auth.example.net/token", { insecure: true }],
    ] as const) {
      it(`sends them to ${realm}, which ${registry} names${"insecure" in options ? " (insecure)" : ""}`, async () => {
        assert.deepEqual(await logIn(registry, realm, options), {
          error: undefined,
          told: [`${realm} as ${BASIC}`],
        });
      });
    }

    for (const [registry, realm] of [
      ["registry.example.com", "http://registry.example.com/token"],
      ["registry.example.com", "http://localhost:5001/token"],
      ["localhost:5000", "http://auth.example.net/token"],
    ] as const) {
      it(`does not send them in the clear to ${realm}, which ${registry} names`, async () => {
        const { error, told } = await logIn(registry, realm);
        assert.deepEqual(told, []);
        assert.equal(
          error,
          `${registry}: wants the credentials at \`${realm}\`, where anybody could read them; make its realm an https address`,
        );
      });
    }

    for (const realm of [
      "file:///etc/passwd",
      "data:,{}",
      "javascript:alert(1)",
      "ftp://auth.example.net/",
      "https://me:pass@auth.example.net/token",
    ]) {
      it(`does not send them to ${realm}`, async () => {
        const { error, told } = await logIn("registry.example.com", realm);
        assert.deepEqual(told, []);
        assert.match(
          error!,
          /^registry\.example\.com: wants the credentials at `.*`, which is not a plain web/,
        );
      });
    }

    it("sends them neither to a redirection's target nor to a realm that the target names", async () => {
      const told: string[] = [];
      const elsewhere = createServer(({ headers }, response) => {
        told.push(headers.authorization ?? "nobody");
        const { port } = elsewhere.address() as AddressInfo;
        response
          .writeHead(401, { "www-authenticate": `Bearer realm="http://127.0.0.1:${port}/token"` })
          .end();
      });
      await new Promise<void>((done) => elsewhere.listen(0, "127.0.0.1", done));
      try {
        const { port } = elsewhere.address() as AddressInfo;
        const leads = { location: `http://127.0.0.1:${port}/blob` };
        const address = await start(({ url, headers }, response) => {
          if (url === "/v2/" && !headers.authorization)
            response.writeHead(401, { "www-authenticate": "Basic" }).end();
          else response.writeHead(307, leads).end();
        });
        await failure(checkLogin(address, { auth: AUTH }));
        assert.equal(requests.at(-1)!.headers.authorization, BASIC);
        await failure(imageLayers(`${address}/web`, undefined, { auth: AUTH }));
        assert.deepEqual(told, ["nobody", "nobody"]);
      } finally {
        elsewhere.closeAllConnections();
        elsewhere.close();
      }
    });

    it("rejects a redirection from https to http", async () => {
      globalThis.fetch = async () =>
        Object.defineProperties(new Response("{}"), {
          url: { value: "http://mirror.example.net/v2/" },
          redirected: { value: true },
        });
      assert.match(
        (await failure(checkLogin("registry.example.com"))).message,
        /redirects from https to http/,
      );
    });
  });
});
