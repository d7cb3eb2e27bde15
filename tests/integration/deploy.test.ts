import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, rename, utimes } from "node:fs/promises";
import path from "node:path";
import { engine, exec } from "../../lab/faults";
import type { Lab } from "../../lab/lab";
import { eventually } from "../../lab/poll";
import { newest, lab as sharedLab } from "../support/lab";
import { buildPage, pull, push, registryDigest } from "../support/script";
import { TestStack } from "../support/stack";

describe("pulumi up", function () {
  this.timeout(600_000);
  let lab: Lab;
  let stack: TestStack;

  before(async () => {
    lab = await sharedLab(newest);
    stack = await TestStack.create(lab);
    await stack.mustUp();
  });
  after(() => stack?.[Symbol.asyncDispose]());

  it("brings up what the working tree builds", async () => {
    assert.equal(await stack.page(), "<h1>first</h1>");
    assert.deepEqual(Object.keys(await stack.containers()).sort(), ["api", "cache", "web"]);
  });

  it("runs exactly the digests that the registry has", async () => {
    const { images } = await stack.outputs<{ images: Record<string, { content: string; ref: string }> }>();
    for (const [service, { digest }] of Object.entries(await stack.containers())) {
      const tag = `content-${images[service]!.content.slice(0, 32)}`;
      assert.equal(digest, await registryDigest(lab, `${stack.project}-${service}`, tag), service);
      assert.ok(images[service]!.ref.endsWith(`@${digest}`), service);
    }
  });

  it("runs images with the compose file's labels and a label of their content hash", async () => {
    const { images } = await stack.outputs<{ images: Record<string, { content: string }> }>();
    const { api } = await stack.containers();
    const image = await engine(stack.host, "inspect", "--format", "{{.Image}}", api!.id);
    const labels = JSON.parse(
      await engine(stack.host, "image", "inspect", "--format", "{{json .Config.Labels}}", image),
    ) as Record<string, string>;
    assert.deepEqual(labels, {
      "com.example.team": 'the "api" team = 1',
      "dev.everfresh.content": images.api!.content,
    });
  });

  it("changes nothing and restarts nothing when nothing changed", async () => {
    const before = await stack.containers();
    const again = await stack.up("--diff");
    assert.equal(again.status, 0, again.output);
    assert.match(again.output, /\d+ unchanged/);
    assert.doesNotMatch(again.output, /\d+ (created|updated|replaced|deleted)/);
    const preview = await stack.preview("--expect-no-changes");
    assert.equal(preview.status, 0, preview.output);
    assert.deepEqual(await stack.containers(), before);
  });

  it("replaces image, push and deployment of the changed service, and leaves every other container alone", async () => {
    const before = await stack.containers();
    await stack.write("web/index.html", "<h1>second</h1>\n");

    const plan = await stack.plan();
    assert.equal(plan["docker:index/remoteImage:RemoteImage::web-build"], "replace");
    assert.equal(plan["docker:index/registryImage:RegistryImage::web-push"], "replace");
    assert.equal(plan["command:remote:Command::host1-up"], "replace");
    assert.equal(
      Object.keys(plan).some((urn) => /::(api|cache)-/.test(urn)),
      false,
      JSON.stringify(plan),
    );

    const shown = await stack.up();
    assert.equal(shown.status, 0, shown.output);
    assert.match(shown.output, /web: .*index\.html/);
    assert.equal(await stack.page(), "<h1>second</h1>");
    const now = await stack.containers();
    assert.notEqual(now.web!.id, before.web!.id);
    assert.equal(now.api!.id, before.api!.id);
    assert.equal(now.cache!.id, before.cache!.id);
  });

  const uses = [
    { what: "mounted file", file: "api.conf", content: "level = 2\n", seen: ["cat", "/etc/api.conf"] },
    {
      what: "env_file",
      file: "api.env",
      content: "GREETING=good evening\n",
      seen: ["sh", "-c", 'echo "GREETING=$GREETING"'],
    },
    {
      what: "secret",
      file: "token.secret",
      content: "still-not-a-secret\n",
      seen: ["cat", "/run/secrets/token"],
    },
  ];
  for (const { what, file, content, seen } of uses) {
    it(`recreates only the service that uses a changed ${what}, which then sees the new content`, async () => {
      const before = await stack.containers();
      await stack.write(file, content);
      await stack.mustUp();
      const now = await stack.containers();
      assert.notEqual(now.api!.id, before.api!.id);
      assert.equal(now.web!.id, before.web!.id);
      assert.equal(now.cache!.id, before.cache!.id);
      assert.equal(await stack.inContainer("api", ...seen), content.trim());
    });
  }

  it("does nothing for a touched file, an edited README, another umask and another folder", async () => {
    const before = await stack.containers();
    await utimes(path.join(stack.app, "web/index.html"), new Date(), new Date(Date.now() - 86_400_000));
    await stack.write("web/README.md", "Still nobody copies this.\n");
    const moved = path.join(stack.folder, "elsewhere");
    await cp(stack.app, moved, { recursive: true });
    // The modes of a checkout under umask 027.
    execFileSync("chmod", ["-R", "g-w,o-rwx", moved]);
    await rename(stack.app, `${stack.app}.away`);
    await stack.configure({ composeFile: path.join(moved, "compose.yaml") });

    const preview = await stack.preview("--expect-no-changes", "--diff");
    assert.equal(preview.status, 0, preview.output);
    await stack.mustUp();
    assert.deepEqual(await stack.containers(), before);

    await rename(`${stack.app}.away`, stack.app);
    await stack.configure({ composeFile: path.join(stack.app, "compose.yaml") });
  });

  it("shows the new page in a case in which a plain script leaves the old one up", async () => {
    const { registry } = lab;
    const build = async (page: string) => {
      await buildPage(`${registry.address}/script-page:latest`, page);
      await push(lab, `${registry.address}/script-page:latest`);
    };
    const image = `${registry.pullAddress}/script-page:latest`;
    const composeFile = `services: {page: {image: "${image}", stop_signal: SIGKILL, ports: ["8082:8080"]}}`;
    const compose = (...args: string[]) =>
      exec(stack.host, ["docker", "compose", "-p", `${stack.project}-script`, "-f", "-", ...args], {
        input: composeFile,
      });

    await build("old");
    await pull(lab, stack.host, image);
    await compose("up", "-d");
    await eventually("the script's page", async () => (await stack.page(8082)) === "old");
    await build("new");
    await compose("up", "-d");
    assert.equal(await stack.page(8082), "old");
    await compose("down");

    await stack.write("web/index.html", "<h1>new</h1>\n");
    await stack.mustUp();
    assert.equal(await stack.page(), "<h1>new</h1>");
  });
});
