import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  checkLogin,
  imageLayers,
  onBuildOf,
  parseReference,
  RegistryError,
  resolveDigest,
} from "../../../adapters/registry";

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
  let seen: IncomingMessage[] = [];
  const start = async (listener: RequestListener): Promise<string> => {
    seen = [];
    server = createServer((request, response) => {
      seen.push(request);
      listener(request, response);
    });
    await new Promise<void>((done) => server!.listen(0, "127.0.0.1", done));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
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

  it("with good credentials lets them in", async () => {
    const address = await start(({ headers }, response) => {
      response.writeHead(headers.authorization === BASIC ? 200 : 401, { "www-authenticate": "Basic" }).end();
    });
    await checkLogin(address, { auth: AUTH });
  });
});
