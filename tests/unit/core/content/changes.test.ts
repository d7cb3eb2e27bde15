import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { type BuildSpec, changes, identify, describe as inWords } from "../../../../core/content";
import { Folder } from "./folder";

describe("changes, in words,", () => {
  const folder = new Folder();
  const dockerfile = (...lines: string[]) => folder.write({ Dockerfile: lines.join("\n") });
  const words = async (act: () => void, before: Partial<BuildSpec> = {}, after = before) => {
    const old = await identify(folder.spec(before));
    act();
    return inWords(changes(old, await identify(folder.spec(after))));
  };
  const nothing = () => {};

  beforeEach(() => {
    folder.write({ "src/a": "1", "src/b": "1", "src/c": "1", "src/d": "1", ".dockerignore": "*.md" });
    dockerfile("FROM debian:12", "ARG API_URL", "ARG MODE", "COPY src /", "RUN make");
  });

  it("are empty if nothing changed", async () => {
    assert.deepEqual(changes(await identify(folder.spec()), await identify(folder.spec())), []);
    assert.equal(await words(nothing), "nothing");
  });
  it("blame a different version of everfresh for a hash that differs without a reason", async () => {
    const now = await identify(folder.spec());
    assert.equal(inWords(changes({ ...now, content: "0".repeat(64) }, now)), "another version of everfresh");
  });
  it("name the files and build arguments that changed", async () => {
    assert.equal(
      await words(
        () => folder.write({ "src/a": "2", "src/b": "2" }),
        { args: { API_URL: "1" } },
        { args: { API_URL: "2" } },
      ),
      "2 files (src/a, src/b), build arg API_URL",
    );
  });
  it("name the first three of many files, and count the rest", async () => {
    const all = () => folder.write({ "src/a": "2", "src/b": "2", "src/c": "2", "src/d": "2" });
    assert.equal(await words(all), "4 files (src/a, src/b, src/c and 1 more)");
  });
  it("say how a file differs if its bytes do not", async () => {
    assert.equal(await words(() => chmodSync(folder.at("src/a"), 0o755)), "1 file (src/a mode 0644 → 0755)");
    assert.equal(await words(() => folder.write({ "src/e": "" })), "1 file (src/e added)");
  });
  it("name the instruction that changed", async () => {
    const lines = ["FROM debian:12", "ARG API_URL", "ARG MODE", "COPY src /", "RUN make"];
    assert.equal(
      await words(() => dockerfile(...lines.slice(0, 4), "RUN make all")),
      "Dockerfile (RUN make all)",
    );
    assert.equal(await words(() => dockerfile(...lines.slice(0, 4))), "Dockerfile (RUN make all)");
    assert.equal(
      await words(() => dockerfile("FROM debian:13", ...lines.slice(1, 4))),
      "Dockerfile (FROM debian:13)",
    );
  });
  it("name the ignore file that added or removed files", async () => {
    assert.equal(
      await words(() => folder.write({ ".dockerignore": "src/b" })),
      "1 file (src/b removed), .dockerignore",
    );
  });
  it("name a label", async () => {
    assert.equal(await words(nothing, {}, { labels: { team: "x" } }), "label team");
  });
  it("name the platforms", async () => {
    assert.equal(await words(nothing, {}, { platforms: ["linux/arm64"] }), "platforms");
  });
  it("name what a different target reads and runs", async () => {
    dockerfile("FROM scratch AS one", "COPY src/a /", "FROM scratch", "COPY src/b /");
    assert.equal(
      await words(nothing, {}, { target: "one" }),
      "2 files (src/a added, src/b removed), Dockerfile (COPY src/a /)",
    );
  });
  it("name the named context that a file is in", async () => {
    dockerfile("FROM scratch", "COPY --from=assets a /");
    folder.write({ "assets/a": "1" });
    const spec = { additionalContexts: { assets: folder.at("assets") } };
    assert.equal(await words(() => folder.write({ "assets/a": "2" }), spec), "1 file (assets: a)");
  });
});
