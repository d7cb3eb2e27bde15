import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { checkLogin, imageLayers, onBuildOf, resolveDigest } from "../../../adapters/registry";
import { RegistryError } from "../../../adapters/registry-error";
import { parseReference } from "../../../core/image-reference";

const DIGEST = `sha256:${"ab".repeat(32)}`;
const AUTH = { username: "ci", password: "s3cret" };
const BASIC = `Basic ${Buffer.from("ci:s3cret").toString("base64")}`;

describe("parseReference", () => {
  const cases: [string, string, string, string][] = [
    ["debian", "docker.io", "library/debian", "latest"],
    ["debian:trixie-slim", "docker.io", "library/debian", "trixie-slim"],
    ["index.docker.io/library/debian", "docker.io", "library/debian", "latest"],
    ["acme/web:1", "docker.io", "acme/web", "1"],
    ["localhost/web", "localhost", "web", "latest"],
    ["localhost:5000/a/b:2", "localhost:5000", "a/b", "2"],
    ["registry.example.com/shop/web", "registry.example.com", "shop/web", "latest"],
    [`[::1]:5000/web:3@${DIGEST}`, "[::1]:5000", "web", DIGEST],
  ];
  for (const [name, registry, repository, version] of cases) {
    it(`takes ${name.slice(0, 40)} apart`, () => {
      assert.deepEqual(parseReference(name), { registry, repository, version });
    });
  }
});

describe("a registry", () => {
  let server: Server | undefined;
  let servers: Server[] = [];
  let seen: IncomingMessage[] = [];
  const start = async (listener: RequestListener): Promise<string> => {
    seen = [];
    server = createServer((request, response) => {
      seen.push(request);
      listener(request, response);
    });
    servers.push(server);
    await new Promise<void>((done) => server!.listen(0, "127.0.0.1", done));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  afterEach(() => {
    for (const each of servers) {
      each.closeAllConnections();
      each.close();
    }
    servers = [];
  });
  const failure = async (promise: Promise<unknown>): Promise<RegistryError> => {
    const error = await promise.then(
      () => assert.fail("it did not fail"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof RegistryError, String(error));
    assert.match(error.message, /^[^:]+(:\d+)?: .+; .+/s);
    assert.doesNotMatch(error.message, /s3cret/);
    return error;
  };

  it("names the digest of a tag without sending its manifest", async () => {
    const address = await start((_, response) => response.setHeader("docker-content-digest", DIGEST).end());
    assert.equal(await resolveDigest(`${address}/shop/web:1`), DIGEST);
    assert.deepEqual(
      seen.map(({ method, url }) => `${method} ${url}`),
      ["HEAD /v2/shop/web/manifests/1"],
    );
    assert.match(seen[0]!.headers.accept!, /oci\.image\.index/);
  });

  it("is asked for the manifest itself when it names no digest", async () => {
    const address = await start((_, response) => response.end("{}"));
    const digest = createHash("sha256").update("{}").digest("hex");
    assert.equal(await resolveDigest(`${address}/web`), `sha256:${digest}`);
  });

  describe("that is asked for an image's layers", () => {
    const diffIds = ["1a", "2b"].map((byte) => `sha256:${byte.repeat(32)}`);
    const layers = diffIds.map((diffId, i) => ({ diffId, bytes: 100 + i }));
    const manifest = {
      config: { digest: "sha256:c0" },
      layers: layers.map(({ bytes }) => ({ size: bytes })),
    };
    const platform = (architecture: string, digest: string) => ({
      digest,
      platform: { os: "linux", architecture },
    });
    const answers: Record<string, unknown> = {
      "/v2/web/manifests/1": manifest,
      "/v2/web/manifests/many": {
        manifests: [
          platform("unknown", "sha256:a7"),
          platform("amd64", "sha256:b0"),
          platform("arm64", "sha256:b1"),
        ],
      },
      "/v2/web/manifests/sha256:b0": manifest,
      "/v2/web/manifests/sha256:b1": { ...manifest, config: { digest: "sha256:c1" } },
      "/v2/web/manifests/odd": { ...manifest, config: { digest: "sha256:c2" } },
      "/v2/web/blobs/sha256:c0": { rootfs: { diff_ids: diffIds } },
      "/v2/web/blobs/sha256:c1": {
        config: { OnBuild: ["COPY page /"] },
        rootfs: { diff_ids: [...diffIds].reverse() },
      },
      "/v2/web/blobs/sha256:c2": {},
    };
    let address: string;
    beforeEach(async () => {
      address = await start(({ url }, response) => {
        const answer = answers[url!];
        response.statusCode = answer ? 200 : 404;
        response.end(JSON.stringify(answer ?? {}));
      });
    });

    it("names each by its diff ID, with its compressed size", async () => {
      assert.deepEqual(await imageLayers(`${address}/web:1`, undefined), layers);
    });

    it("takes the platform that is wanted out of several", async () => {
      const arm = diffIds.toReversed().map((diffId, i) => ({ diffId, bytes: 100 + i }));
      assert.deepEqual(await imageLayers(`${address}/web:many`, "linux/arm64"), arm);
      assert.deepEqual(await imageLayers(`${address}/web:many`, "linux/amd64"), layers);
      assert.equal(await imageLayers(`${address}/web:many`, "linux/s390x"), undefined);
    });

    it("tells its ONBUILD instructions, of the digest that is asked for", async () => {
      const digest = (byte: string) => `sha256:${byte}`;
      assert.deepEqual(await onBuildOf(`${address}/web:1`, digest("b1")), ["COPY page /"]);
      assert.deepEqual(await onBuildOf(`${address}/web:1`, "1"), []);
      assert.equal(await onBuildOf(`${address}/web:1`, "gone"), undefined);
    });

    it("gives nothing for what is no image, or is not there", async () => {
      assert.equal(await imageLayers(`${address}/web:odd`, undefined), undefined);
      assert.equal(await imageLayers(`${address}/web:gone`, undefined), undefined);
    });
  });

  it("that has no such image gives nothing", async () => {
    const address = await start((_, response) => response.writeHead(404).end());
    assert.equal(await resolveDigest(`${address}/web`), undefined);
  });

  it("with basic authentication gets the credentials, once it asks", async () => {
    const address = await start(({ headers }, response) => {
      if (headers.authorization === BASIC) response.setHeader("docker-content-digest", DIGEST).end();
      else response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    });
    assert.equal(await resolveDigest(`${address}/web`, { auth: AUTH }), DIGEST);
    assert.equal(seen[0]!.headers.authorization, undefined);
  });

  it("with token authentication is given a token for just this repository", async () => {
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
    assert.equal(seen[1]!.url, "/token?service=reg&scope=repository%3Ashop%2Fweb%3Apull");
  });

  describe("that does not tell a repository that is not there from one that the user may not see", () => {
    const start401 = (status: number) =>
      start(({ url, headers }, response) => {
        if (headers.authorization !== BASIC)
          response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
        else response.writeHead(url === "/v2/" ? 200 : status).end();
      });
    for (const status of [401, 403]) {
      it(`has no such image, when it answers ${status} to a user that it lets in`, async () => {
        assert.equal(await resolveDigest(`${await start401(status)}/shop/web`, { auth: AUTH }), undefined);
      });
    }

    it("has none either when it gives no token for it", async () => {
      const address = await start((request, response) => {
        const { url, headers } = request;
        if (url!.startsWith("/token"))
          response.writeHead(/scope=/.test(url!) ? 403 : 200).end(JSON.stringify({ token: "t" }));
        else if (url === "/v2/" && headers.authorization === "Bearer t") response.end();
        else response.writeHead(401, { "www-authenticate": `Bearer realm="http://${address}/token"` }).end();
      });
      assert.equal(await resolveDigest(`${address}/shop/web`, { auth: AUTH }), undefined);
    });

    it("still refuses a wrong password", async () => {
      const auth = { ...AUTH, username: "eve" };
      const error = await failure(resolveDigest(`${await start401(403)}/shop/web`, { auth }));
      assert.equal(error.problem, "refused");
      assert.match(error.message, /refuses the user `eve`/);
    });
  });

  it("that refuses the credentials is told from one that cannot be reached", async () => {
    const address = await start((_, response) =>
      response.writeHead(401, { "www-authenticate": "Basic" }).end(),
    );
    const refused = await failure(checkLogin(address, { auth: AUTH }));
    assert.equal(refused.problem, "refused");
    assert.match(refused.message, /`ci`/);
    assert.equal((await failure(resolveDigest(`${address}/web`))).problem, "refused");
    server!.close();
    const gone = await start(() => {});
    server!.close();
    const unreachable = await failure(checkLogin(gone));
    assert.equal(unreachable.problem, "unreachable");
    assert.match(unreachable.message, /ECONNREFUSED/);
  });

  it("that does not answer is given up", async () => {
    const address = await start(() => {});
    const error = await failure(checkLogin(address, { timeout: 50 }));
    assert.equal(error.problem, "unreachable");
    assert.match(error.message, /no answer in time/);
  });

  it("that stops in the middle of an answer is given up", async () => {
    const address = await start((_, response) => response.writeHead(200).write("{"));
    const error = await failure(imageLayers(`${address}/web`, undefined, { timeout: 50 }));
    assert.equal(error.problem, "unreachable");
    assert.match(error.message, /no answer in time/);
  });

  for (const page of ["<html>log in</html>", "null", "{}"]) {
    it(`whose token is ${page} is no registry`, async () => {
      const address = await start(({ url }, response) =>
        url!.startsWith("/token")
          ? response.end(page)
          : response.writeHead(401, { "www-authenticate": `Bearer realm="http://${address}/token"` }).end(),
      );
      assert.equal((await failure(checkLogin(address, { auth: AUTH }))).problem, "failing");
    });
  }

  describe("whose certificate is not good", () => {
    const { fetch } = globalThis;
    afterEach(() => {
      globalThis.fetch = fetch;
    });
    const failing = (code: string) => {
      globalThis.fetch = () => Promise.reject(new TypeError("fetch failed", { cause: { code } }));
      return failure(checkLogin("registry.example.com"));
    };

    it("is told how its CA becomes known, and not to do without https", async () => {
      for (const code of [
        "DEPTH_ZERO_SELF_SIGNED_CERT",
        "SELF_SIGNED_CERT_IN_CHAIN",
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
      ]) {
        const { problem, message } = await failing(code);
        assert.equal(problem, "unreachable");
        assert.equal(
          message,
          `registry.example.com: its certificate is not trusted (${code}); let NODE_EXTRA_CA_CERTS name a file with its CA`,
        );
      }
    });

    it("is told so when no CA would help", async () => {
      for (const code of ["CERT_HAS_EXPIRED", "ERR_TLS_CERT_ALTNAME_INVALID"]) {
        const { message } = await failing(code);
        assert.match(message, new RegExp(`its certificate is not valid .*${code}`));
        assert.doesNotMatch(message, /insecure|CA_CERTS/);
      }
    });
  });

  it("that is out of order, or is no registry, is named as such", async () => {
    const broken = await start((_, response) => response.writeHead(503).end());
    assert.equal((await failure(resolveDigest(`${broken}/web`))).problem, "failing");
    server!.close();
    const other = await start((_, response) =>
      response.setHeader("docker-content-digest", "sha256:short").end(),
    );
    assert.equal((await failure(resolveDigest(`${other}/web`))).problem, "failing");
  });

  it("is spoken to in https unless it is this machine or said to be insecure", async () => {
    const origin = async (options = {}) =>
      (await failure(checkLogin("registry.invalid:1", { timeout: 2000, ...options }))).message;
    assert.match(await origin(), /https:\/\/registry\.invalid/);
    assert.match(await origin({ insecure: true }), /http:\/\/registry\.invalid/);
  });

  describe("whose credentials are asked for elsewhere", () => {
    const { fetch } = globalThis;
    afterEach(() => {
      globalThis.fetch = fetch;
    });
    /** What is asked, of a registry that names this realm, and with which credentials. */
    const asked = async (registry: string, realm: string, options = {}) => {
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
      it(`gets them at ${realm}, as ${registry} says${"insecure" in options ? " (insecure)" : ""}`, async () => {
        assert.deepEqual(await asked(registry, realm, options), {
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
      it(`does not send them in the clear to ${realm} because ${registry} says so`, async () => {
        const { error, told } = await asked(registry, realm);
        assert.deepEqual(told, []);
        assert.equal(
          error,
          `${registry}: wants the credentials at \`${realm}\`, where everybody could read them; let its realm be an https address`,
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
        const { error, told } = await asked("registry.example.com", realm);
        assert.deepEqual(told, []);
        assert.match(error!, /^registry\.example\.com: wants the credentials at `.*`, which is no plain web/);
      });
    }

    it("does not send them where a redirection leads, nor where what answers there says", async () => {
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
        assert.equal(seen.at(-1)!.headers.authorization, BASIC);
        await failure(imageLayers(`${address}/web`, undefined, { auth: AUTH }));
        assert.deepEqual(told, ["nobody", "nobody"]);
      } finally {
        elsewhere.closeAllConnections();
        elsewhere.close();
      }
    });

    it("does not believe what https leads to in the clear", async () => {
      globalThis.fetch = async () =>
        Object.defineProperties(new Response("{}"), {
          url: { value: "http://mirror.example.net/v2/" },
          redirected: { value: true },
        });
      assert.match((await failure(checkLogin("registry.example.com"))).message, /leads from https to http/);
    });
  });

  describe("that answers with anything", () => {
    const image = { config: { digest: "sha256:c0" }, layers: [{ size: 1 }] };
    const rootfs = { diff_ids: [`sha256:${"1a".repeat(32)}`] };
    const asked = async (manifest: unknown, config: unknown) => {
      const address = await start(({ url }, response) =>
        response.end(JSON.stringify(url!.includes("/manifests/") ? manifest : config)),
      );
      const outcome = async (question: Promise<unknown>) => {
        try {
          return await question;
        } catch (error) {
          assert.ok(error instanceof RegistryError, String((error as Error).stack));
          return error.problem;
        }
      };
      return [
        await outcome(imageLayers(`${address}/web`, undefined)),
        await outcome(onBuildOf(`${address}/web`, "sha256:aa")),
      ];
    };

    const odd = [5, -1, "x", [null], [5], {}, { digest: 5 }, [{ digest: "../../x" }], true];
    for (const value of odd) {
      it(`is no registry, or has no image, where it says ${JSON.stringify(value)}`, async () => {
        const [manifests, configs] = [
          ["manifests", "config", "layers"],
          ["config", "rootfs"],
        ];
        for (const key of manifests)
          for (const answer of await asked({ ...image, [key]: value }, { rootfs }))
            assert.ok(["failing", undefined].includes(answer as undefined) || isEmpty(answer), `${key}`);
        for (const key of configs) await asked(image, { rootfs, [key]: value });
        await asked(value, { rootfs });
        await asked(image, value);
        await asked(image, { rootfs, config: { OnBuild: value } });
        await asked(image, { rootfs: { diff_ids: value } });
      });
    }
    const isEmpty = (answer: unknown) => Array.isArray(answer) && answer.length === 0;

    it("has ONBUILD instructions only where they are a list of texts", async () => {
      for (const OnBuild of ["COPY . /", [1], { 0: "RUN" }])
        assert.equal((await asked(image, { rootfs, config: { OnBuild } }))[1], "failing");
      for (const OnBuild of [null, []])
        assert.deepEqual((await asked(image, { rootfs, config: { OnBuild } }))[1], []);
    });

    for (const size of [-1, 1.5, 1e300, 2 ** 53, "1", null, [1]]) {
      it(`does not say how large a layer is with the size ${JSON.stringify(size)}`, async () => {
        assert.equal((await asked({ ...image, layers: [{ size }] }, { rootfs }))[0], undefined);
      });
    }
    for (const id of ["", "sha256:12", `sha512:${"ab".repeat(64)}`, `sha256:${"AB".repeat(32)}`, 5, null]) {
      it(`does not say which layer it is with the diff ID ${JSON.stringify(id)?.slice(0, 20)}`, async () => {
        assert.equal((await asked(image, { rootfs: { diff_ids: [id] } }))[0], undefined);
      });
    }
    it("is believed up to the largest whole number there is", async () => {
      const size = Number.MAX_SAFE_INTEGER;
      const [layers] = await asked({ ...image, layers: [{ size }] }, { rootfs });
      assert.deepEqual(layers, [{ diffId: rootfs.diff_ids[0], bytes: size }]);
    });

    it("is not listened to for more than 4 MiB", async () => {
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
        `${address}: answers with more than 4 MiB; look at what answers at this address`,
      );
      assert.ok(sent < 64 * 1024 * 1024, "it was read on");
    });

    it("is given up when it answers drop by drop", async () => {
      const address = await start((_, response) => {
        const drop = setInterval(() => response.write(" "), 10);
        response.on("close", () => clearInterval(drop));
      });
      const error = await failure(imageLayers(`${address}/web`, undefined, { timeout: 100 }));
      assert.match(error.message, /no answer in time/);
    });

    it("says nothing to the terminal, and not much", async () => {
      const evil = `sha256:\u001b[31m\u009b2J${"x".repeat(500)}`;
      const latin = Buffer.from(evil, "utf8").toString("latin1").replaceAll("\u001b", "\u0080");
      const address = await start((_, response) => response.setHeader("docker-content-digest", latin).end());
      const { message } = await failure(resolveDigest(`${address}/web`));
      assert.doesNotMatch(message, /\p{C}/u);
      assert.ok(message.length < 250, message);
    });

    it("gives no token that cannot be sent", async () => {
      for (const token of ["a\nb", "ä", 5, ["t"], { a: 1 }]) {
        const address = await start(({ url }, response) =>
          url!.startsWith("/token")
            ? response.end(JSON.stringify({ token }))
            : response.writeHead(401, { "www-authenticate": `Bearer realm="http://${address}/token"` }).end(),
        );
        assert.equal((await failure(checkLogin(address, { auth: AUTH }))).problem, "failing");
      }
    });
  });

  it("with good credentials lets them in", async () => {
    const address = await start(({ headers }, response) => {
      response.writeHead(headers.authorization === BASIC ? 200 : 401, { "www-authenticate": "Basic" }).end();
    });
    await checkLogin(address, { auth: AUTH });
  });
});
