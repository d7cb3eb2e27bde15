import assert from "node:assert/strict";
import {
  baseImages,
  type IdentifyOptions,
  identify,
  ownOnBuild,
  parentImages,
} from "../../../../core/content";
import { CopiedFolder, Folder } from "./folder";

describe("identify, for the images that a build begins with", () => {
  const folder = new CopiedFolder();
  const identified = (options: IdentifyOptions, additionalContexts: Record<string, string> = {}) =>
    identify(folder.spec({ additionalContexts }), options);
  const withDigests = async (baseDigests: Record<string, string>) =>
    (await identified({ baseDigests })).content;
  const withOnBuild = async (...instructions: string[]) =>
    (await identified({ baseOnBuild: { "debian:12": instructions } })).content;

  describe("the digest of a base image", () => {
    it("counts if it is known", async () => {
      folder.dockerfile("FROM debian:12", "COPY a.txt /");
      const one = await withDigests({ "debian:12": "sha256:1" });
      assert.notEqual(await withDigests({ "debian:12": "sha256:2" }), one);
    });

    it("does not count if the build does not use the image", async () => {
      folder.dockerfile("FROM debian:12", "COPY a.txt /");
      assert.equal(await withDigests({ other: "sha256:1" }), await folder.content());
    });

    it("counts in the same way if only the sources of a COPY are uncertain", async () => {
      folder.dockerfile("FROM debian:12", "ARG TARGETARCH", "COPY src/$TARGETARCH /");
      assert.deepEqual((await baseImages(folder.spec())).images, ["debian:12"]);
      const one = await withDigests({ "debian:12": "sha256:1" });
      assert.notEqual(await withDigests({ "debian:12": "sha256:2" }), one);
      assert.equal(await withDigests({ other: "sha256:1" }), await folder.content());
    });
  });

  describe("the ONBUILD instructions of a base image", () => {
    it("name base images too", async () => {
      folder.dockerfile("FROM debian:12");
      const baseOnBuild = { "debian:12": ["COPY --from=tools:1 /x /x"] };
      const { images } = await baseImages(folder.spec(), { baseOnBuild });
      assert.deepEqual(images, ["debian:12", "tools:1"]);
    });

    it("count, and so do the files that they read", async () => {
      folder.dockerfile("FROM debian:12", "COPY a.txt /");
      const before = await withOnBuild("COPY README.md /");
      assert.notEqual(await withOnBuild(), before);
      folder.write({ "README.md": "other" });
      assert.notEqual(await withOnBuild("COPY README.md /"), before);
    });

    it("change nothing if there are none", async () => {
      folder.dockerfile("FROM debian:12", "COPY a.txt /");
      assert.equal(await withOnBuild(), await folder.content());
    });
  });

  describe("the image of another service", () => {
    const contexts = { base: "service:base", tools: "service:tools", spare: "service:spare" };
    const contents = { base: "1", tools: "2" };
    beforeEach(() => folder.dockerfile("FROM base", "COPY --from=tools /tool /"));

    it("counts by its content", async () => {
      const { content, inputs } = await identified({ builtContents: contents }, contexts);
      assert.deepEqual(inputs.contexts, { base: "content 1", tools: "content 2" });
      const changed = await identified({ builtContents: { base: "1", tools: "3" } }, contexts);
      assert.notEqual(changed.content, content);
    });

    it("does not count by the service's name", async () => {
      const { content } = await identified({ builtContents: contents }, contexts);
      const renamed = await identified(
        { builtContents: { a: "1", b: "2" } },
        { base: "service:a", tools: "service:b" },
      );
      assert.equal(renamed.content, content);
    });

    it("is a base image only by its context's name, because no registry needs to be asked", async () => {
      const spec = folder.spec({ additionalContexts: contexts });
      assert.deepEqual((await baseImages(spec)).contexts, ["base", "tools"]);
      assert.deepEqual(await parentImages(spec), []);
    });

    it("makes the files that its ONBUILD instructions read count", async () => {
      folder.dockerfile("FROM base");
      folder.write({ page: "1", other: "1" });
      const options = { builtContents: { base: "1" }, baseOnBuild: { "service:base": ["COPY page /"] } };
      const { files } = await identified(options, { base: "service:base" });
      assert.deepEqual(
        files.map(({ path }) => path),
        ["page"],
      );
    });
  });
});

describe("ownOnBuild", () => {
  const folder = new Folder();
  const triggers = (dockerfile: string, target?: string) => {
    folder.write({ Dockerfile: dockerfile });
    const spec = folder.spec(target === undefined ? {} : { target });
    return ownOnBuild(spec, { baseOnBuild: { parent: ["COPY parent /"] } });
  };
  const twoStages = "FROM parent AS a\nONBUILD COPY a /\nFROM a\nONBUILD RUN b\nONBUILD COPY c /\n";

  it("returns the ONBUILD instructions of the target's own lines", async () => {
    assert.deepEqual(await triggers(twoStages), ["RUN b", "COPY c /"]);
    assert.deepEqual(await triggers(twoStages, "a"), ["COPY a /"]);
  });

  it("leaves out those of the base image, which run in this build", async () => {
    assert.deepEqual(await triggers("FROM parent\n"), []);
  });

  it("returns nothing for a Dockerfile that another frontend reads", async () => {
    assert.equal(await triggers("# syntax=other/frontend\nFROM a\nONBUILD COPY a /\n"), undefined);
  });

  it("returns nothing for an ONBUILD instruction with a heredoc", async () => {
    assert.equal(await triggers("FROM a\nONBUILD RUN <<EOF\nb\nEOF\n"), undefined);
  });
});
