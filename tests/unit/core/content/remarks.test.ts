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

  it("names once, with the line that helps, each context whose .git the builds see", async () => {
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

  it("says nothing of a .git that is ignored, that nothing copies, or of files of such a name below", async () => {
    folder.write({ ...GIT, Dockerfile: "FROM scratch\nCOPY . /\n", ".dockerignore": ".git\n" });
    assert.deepEqual(remarks([await build("web")]), []);
    folder.write({ ".dockerignore": "", Dockerfile: "FROM scratch\nCOPY page.html /\n" });
    assert.deepEqual(remarks([await build("web")]), []);
    folder.write({ "sub/.github/x": "", Dockerfile: "FROM scratch\nCOPY sub /\n" });
    assert.deepEqual(remarks([await build("web")]), []);
  });

  it("says of a build without cache that it keeps the caches of its own, if it has any", async () => {
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
