import assert from "node:assert/strict";
import { engine, exec } from "../../lab/faults";
import type { Lab } from "../../lab/lab";
import { lab as sharedLab } from "../support/lab";
import { registryDigest } from "../support/script";
import { TestStack } from "../support/stack";

describe("pulumi destroy", function () {
  this.timeout(600_000);
  let lab: Lab;

  before(async () => {
    lab = await sharedLab();
  });

  const volumes = async (stack: TestStack) =>
    (
      await engine(
        stack.host,
        "volume",
        "ls",
        "-q",
        "--filter",
        `label=com.docker.compose.project=${stack.project}`,
      )
    )
      .split("\n")
      .filter(Boolean);
  const folders = async (stack: TestStack) =>
    (await exec(stack.host, ["ls", "/home/deploy/.everfresh"])).split("\n");

  it("removes this project from the host and leaves other projects, volumes and the registry's images alone", async () => {
    await using stack = await TestStack.create(lab);
    await using other = await TestStack.create(lab);
    await other.write(".env.deploy", "PAGES_PORT=8083\n");
    await Promise.all([stack.mustUp(), other.mustUp()]);
    const { images } = await stack.outputs<{ images: Record<string, { content: string; digest: string }> }>();
    const bystanders = await other.containers();

    await stack.pulumi("destroy", "--yes", "--skip-preview");

    assert.deepEqual(await stack.containers(), {});
    assert.ok(!(await folders(stack)).includes(stack.project));
    assert.deepEqual(await volumes(stack), [`${stack.project}_kept`]);
    assert.deepEqual(await other.containers(), bystanders);
    assert.equal(await other.page(8083), "<h1>first</h1>");
    for (const [service, { content, digest }] of Object.entries(images)) {
      assert.equal(
        await registryDigest(lab, `${stack.project}-${service}`, `content-${content.slice(0, 32)}`),
        digest,
      );
    }
    await engine(stack.host, "volume", "rm", `${stack.project}_kept`);
  });

  it("takes a host down, unlike a mere change of its name in the configuration", async () => {
    await using stack = await TestStack.create(lab);
    await stack.mustUp();
    const before = await stack.containers();
    await stack.configure({ "hosts[0].name": "renamed" });
    await stack.mustUp();
    assert.deepEqual(await stack.containers(), before);
    assert.equal(await stack.page(), "<h1>first</h1>");
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    assert.deepEqual(await stack.containers(), {});
  });

  it("also removes the volumes when asked to", async () => {
    await using stack = await TestStack.create(lab);
    await stack.configure({ removeVolumes: "true" });
    await stack.mustUp();
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    assert.deepEqual(await volumes(stack), []);
  });
});
