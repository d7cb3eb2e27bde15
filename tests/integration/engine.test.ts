import assert from "node:assert/strict";
import { localOnBuild, pruneBuildCache, pullImage } from "../../adapters/engine";
import { docker } from "../../lab/docker";
import { registryServers } from "../unit/adapters/registry-server";

describe("this machine's engine", function () {
  this.timeout(600_000);

  it("keeps build cache that is newer than the given age", async () => {
    const dockerfile = `FROM debian:trixie-slim\nRUN echo ${process.pid} && date +%s%N >/made\n`;
    // The layers and not the image, because with the containerd image store the image also contains its build time.
    const build = async () => {
      const image = await docker(["build", "-q", "-"], dockerfile);
      const layers = await docker(["image", "inspect", "--format", "{{json .RootFS.Layers}}", image]);
      await docker(["image", "rm", image]);
      return layers;
    };
    const layers = await build();
    assert.equal(await pruneBuildCache(1_000), undefined);
    assert.equal(await pruneBuildCache(1_000, "source.local"), undefined);
    assert.equal(await build(), layers);
  });

  it("returns the ONBUILD instructions of an image that it has, and nothing for any other", async () => {
    const name = `everfresh-test-engine-${process.pid}`;
    await docker(
      ["build", "-q", "-t", name, "-"],
      "FROM scratch\nLABEL a=1\nONBUILD COPY a b /\nONBUILD RUN c",
    );
    assert.deepEqual(await localOnBuild(name), ["COPY a b /", "RUN c"]);
    await docker(["image", "rm", name]);
    assert.equal(await localOnBuild(name), undefined);
  });

  describe("a pull", () => {
    const { start, requests } = registryServers();
    const answering = (...statuses: number[]) =>
      start(({ url }, response) => {
        const status = url === "/v2/" ? 200 : (statuses.shift() ?? 404);
        response.writeHead(status, { "docker-distribution-api-version": "registry/2.0" }).end();
      });
    const manifests = () => requests.filter(({ url }) => url!.includes("/manifests/")).length;

    it("is repeated while the registry itself fails, as it does while somebody else gives the image a tag", async () => {
      const address = await answering(500, 503);
      await assert.rejects(pullImage(`${address}/web:1`), /404/);
      assert.ok(manifests() >= 3, `${manifests()} requests`);
    });

    it("fails with docker's message when the registry goes on failing", async () => {
      const address = await answering(...Array<number>(20).fill(500));
      await assert.rejects(pullImage(`${address}/web:1`), /500 Internal Server Error/);
    });
  });
});
