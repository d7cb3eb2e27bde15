import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BuildSpec, identify } from "../../core/content";
import { docker } from "../../lab/docker";
import { readBases } from "../../preflight/bases";
import { build, describeImage, removeImages, requireBuilder } from "./content-support/builder";

describe("a base image with ONBUILD instructions", function () {
  this.timeout(600_000);
  const base = `everfresh-test-triggers-${process.pid}`;
  let folder: string;

  before(async () => {
    await requireBuilder();
    folder = mkdtempSync(join(tmpdir(), "onbuild-"));
    await docker(["build", "-q", "-t", base, "-"], "FROM scratch\nLABEL base=1\nONBUILD COPY page.html /");
    writeFileSync(join(folder, "Dockerfile"), `FROM ${base}\nCOPY style.css /\n`);
    for (const file of ["page.html", "style.css", "README.md"]) writeFileSync(join(folder, file), "1");
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await docker(["image", "rm", base]);
    await removeImages();
  });

  it("changes the hash when a file changes that they copy, as the image does, and for no other file", async () => {
    const spec: BuildSpec = {
      ...{ context: folder, args: {}, platforms: [], labels: {} },
      ...{ additionalContexts: {}, secrets: [] },
    };
    const buildOptions = { secrets: [], noCache: false, pull: false, cacheFrom: [], cacheTo: [] };
    const service = { name: "web", build: spec, buildOptions, imageNames: [] };
    const buildAndIdentify = async () => {
      const built = await build(spec);
      assert.ok("id" in built, JSON.stringify(built));
      const { content, wholeContext } = await identify(spec, await readBases([service], {}));
      assert.equal(wholeContext, false);
      return { content, image: await describeImage(built.id) };
    };
    const before = await buildAndIdentify();
    writeFileSync(join(folder, "README.md"), "2");
    assert.deepEqual(await buildAndIdentify(), before);
    writeFileSync(join(folder, "page.html"), "2");
    const after = await buildAndIdentify();
    assert.notEqual(after.image, before.image);
    assert.notEqual(after.content, before.content);
  });
});
