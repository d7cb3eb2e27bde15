import assert from "node:assert/strict";
import { identify, remarks } from "../../../../core/content";
import { Folder } from "./folder";

describe("remarks", () => {
  const folder = new Folder();
  const GIT = { ".git/HEAD": "ref: refs/heads/main", "page.html": "x" };
  const build = async (service: string, buildsWithoutCache = false) => {
    const spec = folder.spec();
    return { service, spec, identity: await identify(spec), buildsWithoutCache };
  };

  it("advise once per context to ignore a .git that builds see", async () => {
    folder.write({ ...GIT, Dockerfile: "FROM scratch\nCOPY . /\n" });
    const builds = [await build("web"), await build("worker")];
    const [remark, ...others] = remarks(builds);
    assert.match(
      remark!,
      /^web, worker: the build sees \.git, .*; add the line `\.git` to .*\/\.dockerignore$/,
    );
    assert.ok(remark!.includes(`${folder.spec().context}/.dockerignore`));
    assert.deepEqual(others, []);
  });

  it("say nothing about a .git that is ignored, not copied or only similar in name", async () => {
    folder.write({ ...GIT, Dockerfile: "FROM scratch\nCOPY . /\n", ".dockerignore": ".git\n" });
    assert.deepEqual(remarks([await build("web")]), []);
    folder.write({ ".dockerignore": "", Dockerfile: "FROM scratch\nCOPY page.html /\n" });
    assert.deepEqual(remarks([await build("web")]), []);
    folder.write({ "sub/.github/x": "", Dockerfile: "FROM scratch\nCOPY sub /\n" });
    assert.deepEqual(remarks([await build("web")]), []);
  });

  it("warn that a build without cache keeps its own RUN caches, if it has any", async () => {
    const cached = "FROM debian:12\nRUN --mount=type=cache,target=/root/.npm --network=none npm ci\n";
    folder.write({ Dockerfile: cached });
    assert.match(
      remarks([await build("web", true)])[0]!,
      /^web: .*docker builder prune --filter type=exec\.cachemount/,
    );
    assert.deepEqual(remarks([await build("web", false)]), []);
    for (const plain of [
      "FROM debian:12\nRUN npm ci\n",
      "FROM debian:12\nRUN --mount=type=secret,id=cache x\n",
    ]) {
      folder.write({ Dockerfile: plain });
      assert.deepEqual(remarks([await build("web", true)]), []);
    }
  });
});
