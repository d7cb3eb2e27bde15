import assert from "node:assert/strict";
import { chmodSync, symlinkSync } from "node:fs";
import { type BuildSpec, ContentError, identify } from "../../../../core/content";
import { contentHash } from "../../../../core/content/encode";
import { CopiedFolder } from "./folder";

describe("identify refuses, with advice,", () => {
  const folder = new CopiedFolder();
  const refusal = async (more: Partial<BuildSpec>) => {
    const error = await identify(folder.spec(more)).then(
      () => assert.fail("it was accepted"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof ContentError, String(error));
    assert.match(error.message, /^.+: .+; .+$/);
    return error.message;
  };

  it("a context that is a file", async () => {
    assert.match(await refusal({ context: folder.at("a.txt") }), /is not a folder/);
  });

  it("a context that does not exist", async () => {
    assert.match(await refusal({ context: folder.at("nowhere") }), /is not a folder/);
  });

  it("a context that is not an absolute path", async () => {
    assert.match(await refusal({ context: "src" }), /not an absolute path/);
  });

  it("a Dockerfile that does not exist", async () => {
    assert.match(await refusal({ dockerfile: "other/Dockerfile" }), /no such Dockerfile/);
  });

  it("an ignore file that the builder rejects", async () => {
    folder.write({ ".dockerignore": "a\n!\n" });
    assert.match(await refusal({}), /\.dockerignore, line 2/);
  });
});

describe("the content hash", () => {
  const folder = new CopiedFolder();

  // New values here mean that every image is built again, everywhere.
  it("stays the same in every version of everfresh", async () => {
    folder.dockerfile(
      "FROM debian:12 AS base",
      "ARG A=1",
      "COPY src a.txt /",
      "RUN <<EOF",
      "make",
      "EOF",
      'CMD ["run"]',
    );
    chmodSync(folder.at("a.txt"), 0o755);
    symlinkSync("page.ts", folder.at("src/link"));
    const { content, inputs, files } = await identify(
      folder.spec({
        args: { A: "2" },
        labels: { l: "v" },
        platforms: ["linux/amd64"],
        secrets: ["s"],
      }),
      { fresh: "f", baseDigests: { "debian:12": `sha256:${"0".repeat(64)}` } },
    );
    assert.equal(content, "003d1757c5b9adfa4f5cc37263aef0270b296b7372dda181248b65b6b7922349");
    // Once a build could have `ssh`; the hash of one that had it shows that nothing else moved since.
    const withSsh = contentHash({ ...inputs, ssh: ["default"] }, files);
    assert.equal(withSsh, "d81a34ce9dd001b27c11a4a6810dbbae428d68cbfbff79a1b926f4542ddfbf9b");
  });
});
