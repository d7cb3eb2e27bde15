import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { docker } from "../../lab/docker";
import { lab } from "../support/lab";
import { type Run, TestStack } from "../support/stack";

/** `base` is in no active profile and is named by its image. `tools` is a context. No container runs either of them. */
const compose = `
services:
  base: { image: shop-base, build: ./base, profiles: [build] }
  tools: { build: ./tools, scale: 0 }
  web:
    build: { context: ./web, additional_contexts: { tools: "service:tools" } }
    command: [sleep, inf]
    stop_signal: SIGKILL
`;
const project = {
  "compose.yaml": compose,
  "base/Dockerfile": "FROM everfresh-test-base\nCOPY base /base\nONBUILD COPY page /page\n",
  "base/base": "base 1",
  "tools/Dockerfile": "FROM scratch\nCOPY tool /tool\n",
  "tools/tool": "tool 1",
  "web/Dockerfile": "FROM shop-base\nCOPY --from=tools /tool /tool\n",
  "web/page": "page 1",
  "web/README.md": "",
};

type Images = Record<string, { content: string; digest: string; ref: string }>;

describe("a build based on another service's image", function () {
  this.timeout(600_000);
  let folder: string;
  let stack: TestStack;

  const images = async () => (await stack.outputs<{ images: Images }>()).images;
  const held = async () =>
    (
      await Promise.all(["base", "tool", "page"].map((file) => stack.inContainer("web", "cat", `/${file}`)))
    ).join();
  const calm = ({ status, output }: Run) => assert.equal(status, 0, output);

  before(async () => {
    // Left by an earlier plain `docker compose build`, under the name that is in the Dockerfile.
    await docker(["build", "-q", "-t", "shop-base", "-"], "FROM everfresh-test-base\nRUN echo stale >/base");
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-bases-"));
    stack = await TestStack.create(await lab(), { app: folder });
    for (const [file, text] of Object.entries(project)) await stack.write(file, text);
    await stack.mustUp();
  });
  after(async () => {
    await docker(["image", "rm", "shop-base"]);
    await rm(folder, { recursive: true, force: true });
    await stack?.[Symbol.asyncDispose]();
  });

  it("uses the image that the service builds, not one that this machine has under its name", async () => {
    assert.equal(await held(), "base 1,tool 1,page 1");
    assert.deepEqual(Object.keys(await stack.containers()), ["web"]);
  });

  it("is not built again if nothing changes", async () => {
    await stack.write("web/README.md", "changed");
    calm(await stack.preview("--expect-no-changes"));
  });

  it("is built again, after the base, when the base's files change", async () => {
    const before = await images();
    await stack.write("base/base", "base 2");
    const { output } = await stack.mustUp();
    assert.match(output, /web: build context shop-base/);
    assert.equal(await held(), "base 2,tool 1,page 1");
    const after = await images();
    assert.notEqual(after.web!.content, before.web!.content);
    assert.equal(after.tools!.digest, before.tools!.digest);
  });

  it("pulls the base from the registry if this machine does not have it, and counts what its ONBUILD copies", async () => {
    const { base } = await images();
    const names = await docker([
      "images",
      "--quiet",
      "--no-trunc",
      `--filter=reference=*/${stack.project}-*`,
    ]);
    await docker(["image", "rm", "--force", ...new Set(names.split("\n"))]);
    await stack.write("web/page", "page 2");
    await stack.mustUp();
    assert.equal(await held(), "base 2,tool 1,page 2");
    assert.equal((await images()).base!.digest, base!.digest);
  });
});
