import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { docker } from "../../lab/docker";
import { startRegistry, stopRegistry } from "../../lab/faults";
import type { Lab } from "../../lab/lab";
import { lab as sharedLab } from "../support/lab";
import { push } from "../support/script";
import { TestStack } from "../support/stack";

describe("a service that follows a tag", function () {
  this.timeout(600_000);
  let lab: Lab;
  let folder: string;
  let stack: TestStack;
  const name = `followed-${process.pid}:1`;
  const image = () => `${lab.registry.pullAddress}/${name}`;

  /** Moves the tag to another image. */
  const move = async (text: string) => {
    const here = `${lab.registry.address}/${name}`;
    await docker(["build", "-q", "-t", here, "-"], `FROM everfresh-test-base\nRUN echo ${text} >/version`);
    await push(lab, here);
  };
  const runs = () => stack.inContainer("app", "cat", "/version");

  before(async () => {
    lab = await sharedLab();
    await move("one");
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-followed-"));
    stack = await TestStack.create(lab, { app: folder });
    const app = { image: image(), pull_policy: "always", command: ["sleep", "inf"], stop_signal: "SIGKILL" };
    await stack.write("compose.yaml", JSON.stringify({ services: { app } }));
    await stack.mustUp();
  });
  after(async () => {
    await docker(["image", "rm", `${lab.registry.address}/${name}`]);
    await rm(folder, { recursive: true, force: true });
    await stack?.[Symbol.asyncDispose]();
  });

  it("runs the tag's image, and is left alone while the tag stays", async () => {
    assert.equal(await runs(), "one");
    const { status, output } = await stack.preview("--expect-no-changes");
    assert.equal(status, 0, output);
  });

  it("runs the new image when the tag has moved, which preview shows", async () => {
    const before = (await stack.outputs<{ release: string }>()).release;
    await move("two");
    const said = `app: ${image()} now points to another image`;
    const preview = await stack.preview();
    assert.ok(preview.output.includes(said), preview.output);
    assert.equal(await runs(), "one");
    await stack.mustUp();
    assert.equal(await runs(), "two");

    await stack.configure({ release: before });
    await stack.mustUp();
    assert.equal(await runs(), "one");
    await stack.unset("release");
  });

  it("is left alone, and `up` refused, when the registry does not return the tag's digest", async () => {
    await stopRegistry(lab);
    try {
      const { status, output } = await stack.preview();
      assert.notEqual(status, 0);
      assert.match(
        output,
        /services\.app\.pull_policy: no registry says which image `\S+` is now \(.+\); try again, or name/,
      );
    } finally {
      await startRegistry(lab);
    }
    assert.equal(await runs(), "one");
  });
});
