import assert from "node:assert/strict";
import { identify } from "../../../../core/content";
import { causeOf, changedSince, identifyBuild, type PlannedBuild } from "../../../../core/release/builds";
import { Folder } from "../content/folder";

describe("an identified build", () => {
  const folder = new Folder();
  beforeEach(() => {
    folder.write({ Dockerfile: "FROM debian:12\nCOPY src /\n", "src/page": "1" });
  });
  const build = () => ({ name: "web", build: folder.spec() }) as PlannedBuild;

  it("is unchanged as long as none of its files has changed", async () => {
    const identified = await identifyBuild(build(), {});
    folder.write({ "README.md": "edited" });
    assert.equal(await changedSince(identified), undefined);
  });

  it("names the file that has changed since", async () => {
    const identified = await identifyBuild(build(), {});
    folder.write({ "src/page": "2" });
    assert.equal(await changedSince(identified), "1 file (src/page)");
  });

  it("is compared with the deployed content, if this checkout knows it", async () => {
    const before = await identify(folder.spec());
    folder.write({ "src/page": "2" });
    const now = await identify(folder.spec());
    const { content } = before;
    assert.equal(causeOf(undefined, undefined, now), "it was never deployed");
    assert.equal(causeOf(content, before, now), "1 file (src/page)");
    assert.equal(
      causeOf(content, undefined, now),
      `its content changed (this checkout has not seen ${content.slice(0, 12)})`,
    );
    assert.equal(causeOf(now.content, now, now), "its image is not known to be in this registry");
  });
});
