import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import os from "node:os";
import path from "node:path";
import { checkLogin, imageLayers, resolveDigest } from "../../../adapters/registry";
import { accessTo, hostLogin, pushLogin } from "../../../adapters/registry-access";
import { Problems } from "../../../core/problems";
import { AUTH, BASIC, DIGEST, failure, registryServers } from "./registry-server";

describe("access to a registry", () => {
  const { start, requests } = registryServers();
  let folder: string;
  const { DOCKER_CONFIG, PATH } = process.env;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-registry-access-"));
    mkdirSync(path.join(folder, "bin"));
    process.env.DOCKER_CONFIG = folder;
    process.env.PATH = `${path.join(folder, "bin")}${path.delimiter}${PATH}`;
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
    if (DOCKER_CONFIG === undefined) delete process.env.DOCKER_CONFIG;
    else process.env.DOCKER_CONFIG = DOCKER_CONFIG;
    process.env.PATH = PATH;
  });

  const configure = (config: object) =>
    writeFileSync(path.join(folder, "config.json"), JSON.stringify(config));
  /** Has docker ask a helper for all logins. */
  function helper(script: string): void {
    const file = path.join(folder, "bin", "docker-credential-h");
    writeFileSync(file, `#!/bin/sh\ncat >>"${folder}/asked"; echo >>"${folder}/asked"\n${script}\n`, {
      mode: 0o755,
    });
    configure({ credsStore: "h" });
  }
  const knows = (username: string, secret: string) =>
    helper(`echo '${JSON.stringify({ Username: username, Secret: secret })}'`);
  const asked = () => {
    const file = path.join(folder, "asked");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  };
  const settings = (address: string, more: object = {}) => ({
    address,
    pullAddress: address,
    insecure: false,
    ...more,
  });

  /** A registry that wants a login, and has one image. */
  const basic: RequestListener = ({ headers, url }, response) => {
    if (headers.authorization !== BASIC) response.writeHead(401, { "www-authenticate": 'Basic realm="r"' });
    else if (url !== "/v2/" && url !== "/v2/shop/web/manifests/1") response.writeHead(404);
    else response.writeHead(200, { "docker-content-digest": DIGEST });
    response.end();
  };
  const open: RequestListener = (_, response) =>
    response.writeHead(200, { "docker-content-digest": DIGEST }).end();
  /** A registry whose token server gives tokens that `tokens` names, by what it is asked with, and that knows `known`. */
  const bearer =
    (tokens: (asked: string) => string | undefined, known: string): RequestListener =>
    async (request, response) => {
      const { url = "", method, headers } = request;
      if (url.startsWith("/token")) {
        let body = "";
        for await (const piece of request) body += piece;
        const token = tokens(method === "POST" ? body : (headers.authorization ?? "nobody"));
        response.writeHead(token === undefined ? 401 : 200).end(JSON.stringify({ token }));
      } else if (headers.authorization === `Bearer ${known}`) {
        response.writeHead(200, { "docker-content-digest": DIGEST }).end();
      } else {
        const challenge = `Bearer realm="http://${headers.host}/token",service="s",scope="x"`;
        response.writeHead(401, { "www-authenticate": challenge }).end();
      }
    };
  const digestOf = (address: string, configured = settings(address)) => {
    const image = `${address}/shop/web:1`;
    return resolveDigest(image, accessTo(image, configured));
  };

  for (const [what, configured] of [
    ["that is configured without a user name", settings],
    ["of a base image or a followed tag", () => settings("registry.example.com", AUTH)],
  ] as const)
    describe(`${what}`, () => {
      it("uses docker's own login, and asks for it once", async () => {
        knows("ci", "s3cret");
        const address = await start(basic);
        assert.equal(await digestOf(address, configured(address)), DIGEST);
        assert.equal(await digestOf(address, configured(address)), DIGEST);
        assert.deepEqual(asked(), [address]);
      });

      it("asks for no login if none is demanded", async () => {
        knows("ci", "s3cret");
        const address = await start(open);
        assert.equal(await digestOf(address, configured(address)), DIGEST);
        assert.deepEqual(asked(), []);
        assert.deepEqual(
          requests.map(({ headers }) => headers.authorization),
          [undefined],
        );
      });
    });

  it("prefers the configured login", async () => {
    knows("other", "x");
    const address = await start(basic);
    assert.equal(await digestOf(address, settings(address, AUTH)), DIGEST);
    assert.deepEqual(asked(), []);
  });

  it("takes an image that a user of docker's login cannot see for one that does not exist", async () => {
    knows("ci", "s3cret");
    const address = await start(({ url, headers }, response) => {
      const isSeen = headers.authorization === BASIC && url === "/v2/";
      response.writeHead(isSeen ? 200 : 401, { "www-authenticate": "Basic" }).end();
    });
    assert.equal(await digestOf(address), undefined);
  });

  it("says what to do if docker has no login, or another one", async () => {
    const remedy = (address: string) =>
      `run \`docker login ${address}\`, or set a user name and a password in \`registry\``;
    configure({});
    const first = await start(basic);
    assert.equal(
      (await failure(digestOf(first))).message,
      `${first}: requires a login (status 401); ${remedy(first)}`,
    );
    knows("eve", "no");
    const second = await start(basic);
    assert.equal(
      (await failure(digestOf(second))).message,
      `${second}: refuses docker's login of \`eve\` (status 401); ${remedy(second)}`,
    );
  });

  it("says what is wrong with the helper if a login is demanded", async () => {
    helper("exit 1");
    const address = await start(basic);
    const access = accessTo(`${address}/a`, undefined);
    for (const question of [
      digestOf(address),
      checkLogin(address, access),
      imageLayers(`${address}/a`, undefined, access),
    ])
      await assert.rejects(question, (error: Error) => {
        assert.ok(error instanceof Problems);
        return /^127\S+: docker-credential-h, which docker's configuration names, fails/.test(error.message);
      });
  });

  describe("by a token", () => {
    it("exchanges a user's login for it", async () => {
      knows("ci", "s3cret");
      const address = await start(bearer((asked) => (asked === BASIC ? "t" : undefined), "t"));
      assert.equal(await digestOf(address), DIGEST);
    });

    it("exchanges an identity token for it, in the body of a request", async () => {
      knows("<token>", "r3fresh");
      const bodies: string[] = [];
      const address = await start(
        bearer((asked) => {
          bodies.push(asked);
          return asked.includes("r3fresh") ? "t" : undefined;
        }, "t"),
      );
      assert.equal(await digestOf(address), DIGEST);
      assert.deepEqual(Object.fromEntries(new URLSearchParams(bodies[0])), {
        grant_type: "refresh_token",
        client_id: "everfresh",
        service: "s",
        scope: "repository:shop/web:pull",
        refresh_token: "r3fresh",
      });
      assert.ok(requests.every(({ url }) => !url!.includes("r3fresh")));
    });

    it("sends an identity token to no target of a redirection", async () => {
      knows("<token>", "r3fresh");
      const told: (string | undefined)[] = [];
      const address = await start(({ url = "", method, headers }, response) => {
        if (url.startsWith("/elsewhere")) told.push(method);
        if (url.startsWith("/token")) response.writeHead(307, { location: "/elsewhere" }).end();
        else
          response
            .writeHead(401, { "www-authenticate": `Bearer realm="http://${headers.host}/token"` })
            .end();
      });
      assert.equal((await failure(digestOf(address))).problem, "failing");
      assert.deepEqual(told, []);
    });

    for (const [what, prepare] of [
      ["docker's login has expired", () => knows("ci", "old")],
      ["docker's helper fails", () => helper("exit 1")],
      ["docker has no login", () => configure({})],
    ] as const)
      it(`still reads a public image if ${what}`, async () => {
        prepare();
        const address = await start(bearer((asked) => (asked === "nobody" ? "public" : undefined), "public"));
        assert.equal(await digestOf(address), DIGEST);
      });

    it("does not take a public image's token for a login", async () => {
      const publicOnly = bearer((asked) => (asked === "nobody" ? "public" : undefined), "public");
      helper("exit 1");
      const other = await start(publicOnly);
      await assert.rejects(checkLogin(other, accessTo(`${other}/a`, undefined)), Problems);
      knows("ci", "old");
      const address = await start(publicOnly);
      const error = await failure(checkLogin(address, accessTo(`${address}/a`, undefined)));
      assert.match(error.message, /refuses docker's login of `ci`/);
    });
  });

  it("does not take an image for absent because nobody is logged in", async () => {
    configure({});
    const address = await start(({ url = "", headers }, response) => {
      const isKnown = url.startsWith("/token") || (url === "/v2/" && headers.authorization === "Bearer t");
      response.writeHead(isKnown ? 200 : 401, {
        "www-authenticate": `Bearer realm="http://${headers.host}/token"`,
      });
      response.end(JSON.stringify({ token: "t" }));
    });
    assert.match((await failure(digestOf(address))).message, /requires a login/);
  });

  describe("for a push", () => {
    it("is usable if docker has a user's login", async () => {
      knows("ci", "s3cret");
      assert.deepEqual(await pushLogin("registry.example.com"), { kind: "usable" });
    });

    it("is none if docker has none", async () => {
      configure({ auths: { "other.example.com": { auth: "eDp5" } } });
      assert.deepEqual(await pushLogin("registry.example.com"), { kind: "none" });
    });

    it("is unusable if Pulumi's provider could not use it", async () => {
      knows("<token>", "r3fresh");
      assert.deepEqual(await pushLogin("registry.example.com"), {
        kind: "unusable",
        why: "is an identity token",
      });
      knows("ci", "s3cret");
      assert.deepEqual(await pushLogin("docker.io"), {
        kind: "unusable",
        why: "is in the credential helper h",
      });
    });

    it("needs no helper that works if the registry demands no login", async () => {
      helper("exit 1");
      assert.deepEqual(await pushLogin(await start(open)), { kind: "none" });
      await assert.rejects(pushLogin(await start(basic)), Problems);
    });
  });

  describe("for the hosts", () => {
    const auth = (username: string) => ({ auth: Buffer.from(`${username}:p`).toString("base64") });
    const registry = settings("push.example.com/team", { pullAddress: "pull.example.com:5000/team" });

    for (const [what, auths, expected, more] of [
      [
        "is docker's own for the address that they use",
        { "pull.example.com:5000": auth("pull"), "push.example.com": auth("push") },
        { username: "pull", password: "p" },
      ],
      [
        "is docker's own for this machine's address otherwise",
        { "push.example.com": auth("push") },
        { username: "push", password: "p" },
      ],
      ["is the configured one first", { "pull.example.com:5000": auth("pull") }, AUTH, AUTH],
      ["is none if docker has none", { "other.example.com": auth("x") }, undefined],
      ["is no identity token", { "push.example.com": { identitytoken: "t" } }, undefined],
    ] as [string, object, object | undefined, object?][])
      it(what, async () => {
        configure({ auths });
        assert.deepEqual(await hostLogin({ ...registry, ...more }), expected);
      });
  });
});
