import assert from "node:assert/strict";
import { docker } from "../../lab/docker";
import { engine, exec } from "../../lab/faults";
import type { Lab } from "../../lab/lab";
import { eventually } from "../../lab/poll";
import { freePorts } from "../../lab/ports";
import { type Relay, startRelay } from "../../lab/relay";
import { lab as sharedLab } from "../support/lab";
import { TestStack } from "../support/stack";

describe("transport: ssh", function () {
  this.timeout(600_000);
  let lab: Lab;
  let relay: Relay;
  let stack: TestStack;
  let registry: string;

  before(async () => {
    lab = await sharedLab();
    const [host] = lab.hosts;
    relay = await startRelay(host!);
    const [port] = await freePorts(1);
    registry = `everfresh-registry-${port}`;
    stack = await TestStack.create(lab, {
      hosts: [{ ...host!, port: relay.port }],
      localRegistry: `127.0.0.1:${port}`,
    });
    // After a cut, the host's program takes a moment to notice it.
    await stack.configure({ lockWait: "300" });
    await stack.mustUp();
  });
  after(async () => {
    await stack?.[Symbol.asyncDispose]();
    await relay?.[Symbol.asyncDispose]();
  });

  const imagesOnHost = async (pattern: string) =>
    (await engine(stack.host, "image", "ls", "--format={{.Repository}}:{{.Tag}}", pattern))
      .split("\n")
      .filter(Boolean);
  const ours = () => `localhost/everfresh/${stack.project}/*`;
  const folder = () => `/home/${stack.host.user}/.everfresh/${stack.project}`;

  it("runs what the working tree builds, proved by its digest", async () => {
    assert.equal(await stack.page(), "<h1>first</h1>");
    const { images } = await stack.outputs<{ images: Record<string, { digest: string }> }>();
    for (const [service, { digest }] of Object.entries(await stack.containers()))
      assert.equal(digest, images[service]!.digest, service);
  });

  it("plans no change when nothing changed", async () => {
    const before = await stack.containers();
    const preview = await stack.preview("--expect-no-changes");
    assert.equal(preview.status, 0, preview.output);
    assert.deepEqual(await stack.containers(), before);
  });

  it("brings back an image that was removed from the host, or whose name somebody gave to another image", async () => {
    const { web, api } = await stack.containers();
    const [webName] = await imagesOnHost(`${ours()}-web`);
    const [apiName] = await imagesOnHost(`${ours()}-api`);
    await engine(stack.host, "rm", "-f", web!.id);
    await engine(stack.host, "tag", apiName!, webName!);
    await stack.mustUp();
    const now = await stack.containers();
    assert.equal(now.web!.digest, web!.digest);
    assert.equal(now.api!.id, api!.id);
    assert.equal(await stack.page(), "<h1>first</h1>");
  });

  it("sends no layer again that arrived before the connection was cut", async () => {
    const layer = "RUN dd if=/dev/urandom of=/$$ bs=1M count=17 2>/dev/null";
    const layers = Array.from({ length: 4 }, (_, i) => layer.replace("$$", `${i}`));
    await stack.write(
      "web/Dockerfile",
      [...(await stack.read("web/Dockerfile")).trim().split("\n"), ...layers, ""].join("\n"),
    );
    relay.holdAfter(60_000_000);
    const { child, ended } = stack.start();
    await eventually(
      "the host has three of four layers",
      async () => (await imagesOnHost(`${ours()}:part-*`)).length === 3,
      300_000,
    );
    child.kill("SIGKILL");
    relay.cut();
    await ended;
    await stack.pulumi("cancel", "--yes");
    const before = relay.sent();
    await stack.mustUp();
    const again = relay.sent() - before;
    assert.ok(again < 27_000_000, `${again} bytes were sent again`);
    assert.deepEqual(await imagesOnHost(`${ours()}:part-*`), []);
  });

  it("brings a new host what the others have", async () => {
    const before = await stack.containers();
    const { privateKey, url: _, ports: __, container: ___, ...added } = lab.hosts[1]!;
    await stack.configure(
      Object.fromEntries(Object.entries(added).map(([key, value]) => [`hosts[1].${key}`, `${value}`])),
    );
    await stack.secret("hosts[1].privateKey", privateKey);
    await stack.mustUp();
    assert.deepEqual(await stack.containers(), before);
    const digests = (containers: typeof before) =>
      Object.fromEntries(Object.entries(containers).map(([service, { digest }]) => [service, digest]));
    assert.deepEqual(digests(await stack.containers(lab.hosts[1])), digests(before));
  });

  it("says in one line that the host's sshd forwards no ports, before anything is changed", async () => {
    const before = await stack.containers();
    const sshd = (change: string) => exec(stack.host, ["sh", "-c", `${change}; pkill -HUP -o -x sshd`]);
    const file = "/etc/ssh/sshd_config.d/forwarding.conf";
    await sshd(`echo 'AllowTcpForwarding no' > ${file}`);
    await stack.write("web/index.html", "<h1>second</h1>\n");
    const refused = await stack.up();
    await sshd(`rm ${file}`);
    assert.notEqual(refused.status, 0);
    assert.match(
      refused.output,
      /everfresh:hosts\[0\] \(host1\): its sshd does not let images through the connection \(.*\); set `AllowTcpForwarding yes`/,
    );
    assert.deepEqual(await stack.containers(), before);
  });

  it("leaves neither a registry nor a login nor an open port behind", async () => {
    await eventually(
      "the registry ends",
      async () => (await docker(["ps", "-q", `--filter=name=^${registry}$`])) === "",
    );
    assert.equal(await exec(stack.host, ["sh", "-c", `ls -A ${folder()} | grep lent || true`]), "");
    const listening = await exec(stack.host, [
      "sh",
      "-c",
      "grep ' 0100007F:[0-9A-F]* 00000000:0000 0A' /proc/net/tcp || true",
    ]);
    assert.equal(listening, "");
  });
});
