import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { checkLogin, imageLayers, onBuildOf, resolveDigest } from "../../../adapters/registry";
import { RegistryError } from "../../../adapters/registry-error";
import { AUTH, BASIC, DIGEST, failure, registryServers } from "./registry-server";

describe("a question to a registry", () => {
  const { start, stop, requests } = registryServers();

  describe("resolveDigest", () => {
    it("reads a tag's digest from a header, without downloading the manifest", async () => {
      const address = await start((_, response) => response.setHeader("docker-content-digest", DIGEST).end());
      assert.equal(await resolveDigest(`${address}/shop/web:1`), DIGEST);
      assert.deepEqual(
        requests.map(({ method, url }) => `${method} ${url}`),
        ["HEAD /v2/shop/web/manifests/1"],
      );
      assert.match(requests[0]!.headers.accept!, /oci\.image\.index/);
    });

    it("hashes the manifest when the registry sends no digest", async () => {
      const address = await start((_, response) => response.end("{}"));
      const digest = createHash("sha256").update("{}").digest("hex");
      assert.equal(await resolveDigest(`${address}/web`), `sha256:${digest}`);
    });

    it("returns undefined for an image that does not exist", async () => {
      const address = await start((_, response) => response.writeHead(404).end());
      assert.equal(await resolveDigest(`${address}/web`), undefined);
    });

    describe("at a registry that hides which images exist", () => {
      const start401 = (status: number) =>
        start(({ url, headers }, response) => {
          if (headers.authorization !== BASIC)
            response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
          else response.writeHead(url === "/v2/" ? 200 : status).end();
        });
      for (const status of [401, 403]) {
        it(`returns undefined when a user who can log in gets ${status}`, async () => {
          assert.equal(await resolveDigest(`${await start401(status)}/shop/web`, { auth: AUTH }), undefined);
        });
      }

      it("returns undefined when the registry issues no token for the repository", async () => {
        const address = await start((request, response) => {
          const { url, headers } = request;
          if (url!.startsWith("/token"))
            response.writeHead(/scope=/.test(url!) ? 403 : 200).end(JSON.stringify({ token: "t" }));
          else if (url === "/v2/" && headers.authorization === "Bearer t") response.end();
          else
            response.writeHead(401, { "www-authenticate": `Bearer realm="http://${address}/token"` }).end();
        });
        assert.equal(await resolveDigest(`${address}/shop/web`, { auth: AUTH }), undefined);
      });

      it("throws for a wrong password", async () => {
        const auth = { ...AUTH, username: "eve" };
        const error = await failure(resolveDigest(`${await start401(403)}/shop/web`, { auth }));
        assert.equal(error.problem, "refused");
        assert.match(error.message, /refuses the user `eve`/);
      });
    });

    it("throws when the registry answers 503", async () => {
      const broken = await start((_, response) => response.writeHead(503).end());
      assert.equal((await failure(resolveDigest(`${broken}/web`))).problem, "failing");
    });

    it("asks again when the registry fails at that moment only", async () => {
      const statuses = [500, 503, 200];
      const address = await start((_, response) =>
        response.writeHead(statuses.shift()!, { "docker-content-digest": DIGEST }).end(),
      );
      assert.equal(await resolveDigest(`${address}/web`), DIGEST);
    });

    it("throws when the registry sends an invalid digest", async () => {
      const other = await start((_, response) =>
        response.setHeader("docker-content-digest", "sha256:short").end(),
      );
      assert.equal((await failure(resolveDigest(`${other}/web`))).problem, "failing");
    });

    it("shortens an invalid digest in its message, and removes control characters", async () => {
      const evil = `sha256:\u001b[31m\u009b2J${"x".repeat(500)}`;
      const latin = Buffer.from(evil, "utf8").toString("latin1").replaceAll("\u001b", "\u0080");
      const address = await start((_, response) => response.setHeader("docker-content-digest", latin).end());
      const { message } = await failure(resolveDigest(`${address}/web`));
      assert.doesNotMatch(message, /\p{C}/u);
      assert.ok(message.length < 250, message);
    });
  });

  describe("an image of a registry", () => {
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

    it("has layers, each with its diff ID and compressed size", async () => {
      assert.deepEqual(await imageLayers(`${address}/web:1`, undefined), layers);
    });

    it("is picked by its platform from an index", async () => {
      const arm = diffIds.toReversed().map((diffId, i) => ({ diffId, bytes: 100 + i }));
      assert.deepEqual(await imageLayers(`${address}/web:many`, "linux/arm64"), arm);
      assert.deepEqual(await imageLayers(`${address}/web:many`, "linux/amd64"), layers);
      assert.equal(await imageLayers(`${address}/web:many`, "linux/s390x"), undefined);
    });

    it("has the ONBUILD instructions of the requested digest", async () => {
      const digest = (byte: string) => `sha256:${byte}`;
      assert.deepEqual(await onBuildOf(`${address}/web:1`, digest("b1")), ["COPY page /"]);
      assert.deepEqual(await onBuildOf(`${address}/web:1`, "1"), []);
      assert.equal(await onBuildOf(`${address}/web:1`, "gone"), undefined);
    });

    it("has no layers if it is missing or an artifact", async () => {
      assert.equal(await imageLayers(`${address}/web:odd`, undefined), undefined);
      assert.equal(await imageLayers(`${address}/web:gone`, undefined), undefined);
    });
  });

  describe("an image that a registry describes wrongly", () => {
    const image = { config: { digest: "sha256:c0" }, layers: [{ size: 1 }] };
    const rootfs = { diff_ids: [`sha256:${"1a".repeat(32)}`] };
    const answersFor = async (manifest: unknown, config: unknown) => {
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
      it(`never crashes a question, with ${JSON.stringify(value)} anywhere in an answer`, async () => {
        const [manifests, configs] = [
          ["manifests", "config", "layers"],
          ["config", "rootfs"],
        ];
        for (const key of manifests)
          for (const answer of await answersFor({ ...image, [key]: value }, { rootfs }))
            assert.ok(["failing", undefined].includes(answer as undefined) || isEmpty(answer), `${key}`);
        for (const key of configs) await answersFor(image, { rootfs, [key]: value });
        await answersFor(value, { rootfs });
        await answersFor(image, value);
        await answersFor(image, { rootfs, config: { OnBuild: value } });
        await answersFor(image, { rootfs: { diff_ids: value } });
      });
    }
    const isEmpty = (answer: unknown) => Array.isArray(answer) && answer.length === 0;

    for (const OnBuild of ["COPY . /", [1], { 0: "RUN" }])
      it(`is an error if its ONBUILD instructions are ${JSON.stringify(OnBuild)}`, async () => {
        assert.equal((await answersFor(image, { rootfs, config: { OnBuild } }))[1], "failing");
      });

    for (const OnBuild of [null, []])
      it(`has no ONBUILD instructions if they are ${JSON.stringify(OnBuild)}`, async () => {
        assert.deepEqual((await answersFor(image, { rootfs, config: { OnBuild } }))[1], []);
      });

    for (const size of [-1, 1.5, 1e300, 2 ** 53, "1", null, [1]]) {
      it(`has no layers if a layer's size is ${JSON.stringify(size)}`, async () => {
        assert.equal((await answersFor({ ...image, layers: [{ size }] }, { rootfs }))[0], undefined);
      });
    }
    for (const id of ["", "sha256:12", `sha512:${"ab".repeat(64)}`, `sha256:${"AB".repeat(32)}`, 5, null]) {
      it(`has no layers if a diff ID is ${JSON.stringify(id)?.slice(0, 20)}`, async () => {
        assert.equal((await answersFor(image, { rootfs: { diff_ids: [id] } }))[0], undefined);
      });
    }
    it("has layers if a size is the largest safe integer", async () => {
      const size = Number.MAX_SAFE_INTEGER;
      const [layers] = await answersFor({ ...image, layers: [{ size }] }, { rootfs });
      assert.deepEqual(layers, [{ diffId: rootfs.diff_ids[0], bytes: size }]);
    });
  });

  describe("checkLogin", () => {
    it("accepts good credentials", async () => {
      const address = await start(({ headers }, response) => {
        response
          .writeHead(headers.authorization === BASIC ? 200 : 401, { "www-authenticate": "Basic" })
          .end();
      });
      await checkLogin(address, { auth: AUTH });
    });

    it("distinguishes refused credentials from a registry that cannot be reached", async () => {
      const address = await start((_, response) =>
        response.writeHead(401, { "www-authenticate": "Basic" }).end(),
      );
      const refused = await failure(checkLogin(address, { auth: AUTH }));
      assert.equal(refused.problem, "refused");
      assert.match(refused.message, /`ci`/);
      assert.equal((await failure(resolveDigest(`${address}/web`))).problem, "refused");
      stop();
      const gone = await start(() => {});
      stop();
      const unreachable = await failure(checkLogin(gone));
      assert.equal(unreachable.problem, "unreachable");
      assert.match(unreachable.message, /ECONNREFUSED/);
    });
  });
});
