import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BuildSpec } from "../../../core/content";
import { readBases } from "../../../preflight/bases";

describe("readBases, for an image that this machine's engine does not have,", () => {
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
      else if (url!.endsWith("/blobs/config")) response.end(JSON.stringify({ config: { OnBuild: onBuild } }));
      else response.end(JSON.stringify({ config: { digest: "config" }, layers: [] }));
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

  const spec = (dockerfileInline: string): BuildSpec => ({
    ...{ context: folder, dockerfileInline, args: {}, platforms: [], labels: {} },
    ...{ additionalContexts: {}, secrets: [], ssh: [] },
  });
  const read = async () => (await readBases([spec(`FROM ${base}`)], {})).baseOnBuild;

  it("asks the registry, and for the whole of it only when its digest is another", async () => {
    assert.deepEqual(await read(), { [base]: ["COPY page /"] });
    assert.equal(asked.length, 3);
    assert.deepEqual(await read(), { [base]: ["COPY page /"] });
    assert.equal(asked.length, 4);
    [digest, onBuild] = [`sha256:${"2".repeat(64)}`, undefined];
    assert.deepEqual(await read(), { [base]: [] });
  });

  it("takes what the registry last said when it does not answer, and leaves out what it never said", async () => {
    await read();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    assert.deepEqual(await read(), { [base]: ["COPY page /"] });
    writeFileSync(join(folder, ".everfresh/onbuild.json"), '{"cut":');
    assert.deepEqual(await read(), {});
  });

  it("asks only about images that a stage begins with, and nothing where there is none", async () => {
    assert.deepEqual((await readBases([spec(`FROM scratch\nCOPY --from=${base} /a /`)], {})).baseOnBuild, {});
    assert.deepEqual(asked, []);
  });

  it("leaves it to who identifies the build to say that it cannot be read", async () => {
    assert.deepEqual((await readBases([{ ...spec(""), context: join(folder, "none") }], {})).baseOnBuild, {});
  });
});
