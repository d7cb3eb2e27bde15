import assert from "node:assert/strict";
import { localOnBuild, pruneBuildCache } from "../../adapters/engine";
import { docker } from "../../lab/docker";

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
});
