import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identifyServices } from "../../cli/working-tree";
import { identify } from "../../core/content";
import { Problems } from "../../core/problems";
import type { Registry } from "../../core/settings";
import { docker } from "../../lab/docker";
import { readBases } from "../../preflight/bases";

const config = `sha256:${"c".repeat(64)}`;

describe("readBases", () => {
  const home = process.cwd();
  let folder: string;
  let server: Server;
  let base: string;
  let digest = "";
  let onBuild: string[] | undefined;
  let asked: string[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "bases-"));
    process.chdir(folder);
    server = createServer(({ method, url }, response) => {
      asked.push(`${method} ${url}`);
      if (method === "HEAD") response.setHeader("docker-content-digest", digest).end();
      else if (url!.endsWith(`/blobs/${config}`))
        response.end(JSON.stringify({ config: { OnBuild: onBuild } }));
      else response.end(JSON.stringify({ config: { digest: config }, layers: [] }));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    base = `127.0.0.1:${(server.address() as AddressInfo).port}/base`;
    [digest, onBuild, asked] = [`sha256:${"1".repeat(64)}`, ["COPY page /"], []];
  });
  afterEach(() => {
    process.chdir(home);
    rmSync(folder, { recursive: true });
    server.closeAllConnections();
    server.close();
  });

  const service = (dockerfileInline: string, context = folder, pull = false) => ({
    name: "web",
    build: {
      ...{ context, dockerfileInline, args: {}, platforms: [], labels: {} },
      ...{ additionalContexts: {}, secrets: [], ssh: [] },
    },
    buildOptions: { secrets: [], noCache: false, pull, cacheFrom: [], cacheTo: [] },
    imageNames: ["web"],
  });
  const readOf = async (...of: Parameters<typeof service>) =>
    (await readBases([service(...of)], {})).baseOnBuild;
  const read = () => readOf(`FROM ${base}`);

  it("looks up no base that another service of the project builds", async () => {
    const shared = { ...service("FROM scratch"), name: "base", imageNames: ["mono-base"] };
    for (const dockerfile of ["FROM mono-base:latest", "FROM scratch\nCOPY --from=mono-base /a /"]) {
      const { baseOnBuild, builds } = await readBases([service(dockerfile), shared], {});
      assert.deepEqual(baseOnBuild, { "service:base": [] });
      assert.deepEqual(builds.at(-1)!.bases, ["base"]);
    }
    assert.deepEqual(asked, []);
  });

  it("asks this machine's engine first, as the builder does, or the registry if the build pulls", async () => {
    await docker(["build", "-q", "-t", base, "-"], "FROM scratch\nLABEL a=1\nONBUILD COPY local /");
    try {
      assert.deepEqual(await read(), { [base]: ["COPY local /"] });
      assert.deepEqual(await readOf(`FROM ${base}`, folder, true), { [base]: ["COPY page /"] });
      const pullBase = await readBases([service(`FROM ${base}`)], { pullBase: true });
      assert.deepEqual(pullBase.baseOnBuild, { [base]: ["COPY page /"] });
    } finally {
      await docker(["image", "rm", base]);
    }
  });

  it("asks the registry if the engine does not have the base, and reads the image only when its digest changes", async () => {
    assert.deepEqual(await read(), { [base]: ["COPY page /"] });
    assert.equal(asked.length, 3);
    assert.deepEqual(await read(), { [base]: ["COPY page /"] });
    assert.equal(asked.length, 4);
    [digest, onBuild] = [`sha256:${"2".repeat(64)}`, undefined];
    assert.deepEqual(await read(), { [base]: [] });
  });

  it("uses the registry's last answer when it does not answer, and nothing if there is none", async () => {
    await read();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    assert.deepEqual(await read(), { [base]: ["COPY page /"] });
    writeFileSync(join(folder, ".everfresh/onbuild.json"), '{"cut":');
    assert.deepEqual(await read(), { [base]: undefined });
  });

  it("looks up only images that a stage begins with", async () => {
    assert.deepEqual(await readOf(`FROM scratch\nCOPY --from=${base} /a /`), {});
    assert.deepEqual(asked, []);
  });

  it("lets the whole context count for a deployment if nobody answers, but not for `explain` and `status`", async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    writeFileSync(join(folder, "page"), "");
    writeFileSync(join(folder, "Dockerfile"), `FROM ${base}\nCOPY page /\n`);
    writeFileSync(join(folder, "compose.yaml"), "services: { web: { build: . } }");
    const { build, ...rest } = service("");
    const file = { ...build, dockerfileInline: undefined };
    const deployed = await identify(file, await readBases([{ build: file, ...rest }], {}));
    assert.equal(deployed.wholeContext, true);
    assert.match(deployed.reasons.join(), /it is not known whether .*\/base has ONBUILD instructions/);
    const asked = await identifyServices({ composeFiles: [join(folder, "compose.yaml")] });
    assert.deepEqual(
      asked.web!.files.map(({ path }) => path),
      ["page"],
    );
  });

  it("ignores a build that cannot be read, which is reported when it is identified", async () => {
    assert.deepEqual(await readOf("FROM scratch", join(folder, "none")), {});
  });

  describe("with pullBase", () => {
    const registry = () => {
      const address = new URL(`http://${base}`).host;
      return { address, pullAddress: address } as Registry;
    };
    const digestsOf = async (...lines: string[]) =>
      (await readBases([service(lines.join("\n"))], { pullBase: true, registry: registry() })).baseDigests;

    it("returns the digest of each base, even if the build's files are not certain", async () => {
      for (const line of [
        "COPY app /",
        "ARG TARGETARCH\nCOPY app-$TARGETARCH /",
        'RUN --mount=target="/x" y',
      ]) {
        assert.deepEqual(await digestsOf(`FROM ${base}`, line), { [base]: digest }, line);
      }
    });

    it("returns the digests of images named by a base's ONBUILD instructions", async () => {
      const tools = base.replace(/base$/, "tools");
      onBuild = [`COPY --from=${tools} /x /x`];
      assert.deepEqual(await digestsOf(`FROM ${base}`), { [base]: digest, [tools]: digest });
    });

    it("refuses a Dockerfile whose base images are not certain, and says what to do", async () => {
      for (const text of [
        `# syntax=mirror.example.com/docker/dockerfile:1\nFROM ${base}`,
        `ARG V=1.2\nFROM ${base}:\${V%%.*}`,
      ]) {
        await assert.rejects(digestsOf(text), (error) => {
          assert.ok(error instanceof Problems);
          assert.match(error.message, /^services\.web\.build: .+; .+everfresh:pullBase/);
          return true;
        });
      }
    });
  });
});
