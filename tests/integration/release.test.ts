import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import path from "node:path";
import { startRegistry, stopRegistry } from "../../lab/faults";
import type { Lab } from "../../lab/lab";
import { lab as sharedLab } from "../support/lab";
import { TestStack } from "../support/stack";

describe("an earlier release", function () {
  this.timeout(600_000);
  let lab: Lab;

  before(async () => {
    lab = await sharedLab();
  });

  it("comes back completely (image, mounted file, env) with the registry switched off, and so does the working tree", async () => {
    await using stack = await TestStack.create(lab);
    await stack.mustUp();
    const first = await stack.outputs<{ release: string }>();
    const containers = await stack.containers();
    await stack.write("web/index.html", "<h1>second</h1>\n");
    await stack.write("api.conf", "level = 2\n");
    await stack.write("api.env", "GREETING=good night\n");
    await stack.mustUp();
    assert.equal(await stack.page(), "<h1>second</h1>");

    await stack.configure({ release: first.release });
    assert.deepEqual(await stack.plan(), {
      "command:remote:Command::host1-up": "replace",
    });
    await stopRegistry(lab);
    try {
      await stack.mustUp();
    } finally {
      await startRegistry(lab);
    }
    assert.equal(await stack.page(), "<h1>first</h1>");
    assert.equal(await stack.inContainer("api", "cat", "/etc/api.conf"), "level = 1");
    assert.equal(await stack.inContainer("api", "sh", "-c", 'echo "$GREETING"'), "hello");
    assert.equal((await stack.containers()).web!.digest, containers.web!.digest);
    assert.equal((await stack.preview("--expect-no-changes")).status, 0);

    await stack.unset("release");
    await stack.mustUp();
    assert.equal(await stack.page(), "<h1>second</h1>");
  });

  it("is unpinned without a build, and without touching a service that is the same in both", async () => {
    await using stack = await TestStack.create(lab);
    await stack.configure({ fresh: "1" });
    await stack.mustUp();
    const { release } = await stack.outputs<{ release: string }>();
    const { api } = await stack.containers();
    await stack.write("web/index.html", "<h1>second</h1>\n");
    await stack.mustUp();
    const second = await stack.containers();
    const mounted = await stack.read("api.conf");

    await stack.configure({ release });
    await rm(path.join(stack.app, "api.conf"));
    await stack.mustUp();
    await stack.write("api.conf", mounted);
    await stack.unset("release");
    const run = await stack.mustUp();
    assert.doesNotMatch(run.output, /never deployed|docker:index/);
    const after = await stack.containers();
    assert.equal(after.web!.digest, second.web!.digest);
    assert.equal(after.api!.id, api!.id);
    assert.equal(after.cache!.id, second.cache!.id);
    assert.equal((await stack.preview("--expect-no-changes")).status, 0);
  });

  it("is refused if the host does not have it, and the current release is left alone", async () => {
    await using stack = await TestStack.create(lab);
    await stack.mustUp();
    const before = await stack.containers();
    await stack.configure({ release: "0ddba11" });
    const run = await stack.up();
    assert.notEqual(run.status, 0);
    assert.match(run.output, /release 0ddba11: is no longer on this host; choose one of: \w+/);
    assert.deepEqual(await stack.containers(), before);
  });
});

describe("promotion", function () {
  this.timeout(600_000);

  it("deploys the digests that the other stack proved, without building or pushing", async () => {
    const lab = await sharedLab();
    const [, second] = lab.hosts;
    await using staging = await TestStack.create(lab);
    await staging.mustUp();
    await using prod = await TestStack.create(lab, {
      hosts: [second!],
      project: staging.project,
      beside: staging,
    });
    await prod.configure({ promoteFrom: staging.name });

    const plan = await prod.plan();
    assert.deepEqual(
      Object.keys(plan).filter((urn) => urn.startsWith("docker:")),
      [],
    );
    await prod.mustUp();

    const [here, there] = await Promise.all([staging.containers(), prod.containers(second)]);
    const digests = (containers: typeof here) =>
      Object.entries(containers)
        .map(([service, { digest }]) => `${service} ${digest}`)
        .sort();
    assert.deepEqual(digests(there), digests(here));
    assert.equal((await prod.preview("--expect-no-changes")).status, 0);
  });
});

describe("an image that the registry has already", function () {
  this.timeout(600_000);

  it("is used by another stack without building it again", async () => {
    const lab = await sharedLab();
    await using colleague = await TestStack.create(lab);
    await colleague.mustUp();
    const [, second] = lab.hosts;
    await using stack = await TestStack.create(lab, { hosts: [second!], project: colleague.project });

    const run = await stack.mustUp();
    assert.match(run.output, /web: .*the registry has this content, so nothing is built/);
    assert.doesNotMatch(run.output, /docker:index:RemoteImage/);
    assert.equal((await stack.preview("--expect-no-changes")).status, 0);

    // `fresh` builds it all the same.
    await stack.configure({ fresh: "1" });
    assert.equal((await stack.plan())["docker:index/remoteImage:RemoteImage::web-build"], "create");
  });
});
