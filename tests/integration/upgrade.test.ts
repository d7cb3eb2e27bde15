import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { lab as sharedLab } from "../support/lab";
import { checkout, TestStack } from "../support/stack";

/** Unpacks the program from the time when it kept everything in the stack's outputs; see earlier/README.md. */
function unpackEarlierProgram(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-earlier-"));
  execFileSync("tar", ["-xzf", path.join(__dirname, "earlier/outputs-as-memory.tgz"), "-C", folder]);
  symlinkSync(path.join(checkout, "node_modules"), path.join(folder, "node_modules"));
  return folder;
}

describe("a stack of an earlier version", function () {
  this.timeout(600_000);

  it("is taken over without building anything or touching a container", async () => {
    await using stack = await TestStack.create(await sharedLab());
    stack.program = unpackEarlierProgram();
    try {
      await stack.configure({ fresh: "1" });
      await stack.mustUp();
    } finally {
      rmSync(stack.program, { recursive: true });
      stack.program = checkout;
    }
    const before = await stack.containers();
    const outputs = await stack.outputs<Record<string, unknown>>();
    assert.ok("lineage" in outputs && "layers" in outputs, Object.keys(outputs).join());

    // If the hosts' program has changed since then, each host only reports its proof again (an update).
    const plan = Object.entries(await stack.plan()).filter(([, operation]) => operation !== "update");
    assert.deepEqual(plan, [["everfresh:index:Memory::memory", "create"]]);
    await stack.mustUp();
    assert.deepEqual(await stack.containers(), before);
    const { release, tag, images, hosts, urls, ...rest } = await stack.outputs<Record<string, unknown>>();
    assert.deepEqual(rest, {});
    assert.deepEqual(
      [release, tag, hosts, urls],
      [outputs.release, outputs.tag, outputs.hosts, outputs.urls],
    );
    assert.deepEqual(Object.keys((images as { web: object }).web), ["content", "digest", "ref"]);
    assert.equal((await stack.preview("--expect-no-changes")).status, 0);

    // Without the configured login, docker's own is used, by a provider that the state does not have yet.
    for (const key of ["registry.username", "registry.password"]) await stack.unset(key);
    const moved = Object.entries(await stack.plan());
    const pushes = moved.filter(([name]) => /RegistryImage::\w+-push(-tag)?$/.test(name));
    assert.equal(pushes.length, 6);
    assert.ok(pushes.every(([, operation]) => operation === "update"));
    const others = moved.filter(([, operation]) => operation !== "update");
    assert.deepEqual(others, [["pulumi:providers:docker::registry", "create"]]);
  });
});
