import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { engine, exec, killEngine, startEngine } from "../../lab/faults";
import type { Lab } from "../../lab/lab";
import { eventually } from "../../lab/poll";
import { lab as sharedLab } from "../support/lab";
import { registryDigest } from "../support/script";
import { checkout, type Run, TestStack } from "../support/stack";

/** Asserts that a failed run shows no stack trace. */
const readable = (run: Run) =>
  assert.doesNotMatch(run.output, /^\s+at .*\.(ts|js):\d+/m, `a stack trace:\n${run.output}`);

describe("a deployment that fails", function () {
  this.timeout(600_000);
  let lab: Lab;
  let stack: TestStack;
  let dockerfile: string;

  before(async () => {
    lab = await sharedLab();
    stack = await TestStack.create(lab);
    await stack.mustUp();
    dockerfile = await stack.read("web/Dockerfile");
  });
  beforeEach(() => stack.write("web/Dockerfile", dockerfile));
  after(() => stack?.[Symbol.asyncDispose]());

  it("shows the failing step's last lines when a build fails, pushes nothing and leaves the host alone", async () => {
    const before = await stack.containers();
    await stack.write("web/Dockerfile", `${dockerfile}RUN echo "the pantry is empty" && exit 3\n`);

    const run = await stack.up();
    assert.notEqual(run.status, 0);
    assert.match(run.output, /web.*build failed/);
    assert.match(run.output, /\d the pantry is empty/);
    readable(run);
    assert.deepEqual(await stack.containers(), before);
    const content = await stack.plannedContent("web");
    assert.equal(await registryDigest(lab, `${stack.project}-web`, `content-${content.slice(0, 32)}`), null);

    await stack.write("web/Dockerfile", dockerfile);
    const mended = await stack.preview("--expect-no-changes");
    assert.equal(mended.status, 0, `the failed build left something behind:\n${mended.output}`);
  });

  it("puts the old page back when a container never gets healthy, shows its last log lines, and succeeds once fixed", async () => {
    const before = await stack.containers();
    await stack.write(
      "web/Dockerfile",
      dockerfile
        .replace(/CMD.*/, 'CMD ["sh", "-c", "echo the oven is cold; sleep infinity"]')
        .replace("first", "other"),
    );
    await stack.configure({ healthTimeout: "5" });

    const run = await stack.up();
    assert.notEqual(run.status, 0);
    assert.match(run.output, /web: is (unhealthy|starting)/);
    assert.match(run.output, /\| the oven is cold/);
    assert.match(run.output, /release \w+ serves again/);
    readable(run);
    assert.equal(await stack.page(), "<h1>first</h1>");
    const now = await stack.containers();
    assert.equal(now.web!.digest, before.web!.digest);
    assert.deepEqual([now.api, now.cache], [before.api, before.cache]);

    await stack.write("web/Dockerfile", dockerfile);
    await stack.write("web/index.html", "<h1>mended</h1>\n");
    await stack.mustUp();
    assert.equal(await stack.page(), "<h1>mended</h1>");
  });

  it("refuses an image whose context changed while it was built, and never uses it", async () => {
    const page = await stack.read("web/index.html");
    const log = path.join(checkout, ".everfresh/build", stack.name, "web/build.log");
    // An uncached slow step gives the test time to change the context before everfresh checks it after the build.
    await stack.write("web/Dockerfile", `${dockerfile}RUN sleep 4 && : ${stack.name}\n`);
    await rm(log, { force: true });
    const { ended } = stack.start();
    await eventually("the build", async () => (await readFile(log, "utf8")).includes("RUN sleep 4"));
    await stack.write("web/index.html", "<h1>typed meanwhile</h1>\n");
    const run = await ended;
    assert.notEqual(run.status, 0, run.output);
    assert.match(
      run.output,
      /web: 1 file \(index\.html\) changed while it was being built; run `pulumi up` again/,
    );
    readable(run);

    await stack.write("web/index.html", page);
    const attempt = await stack.plan();
    assert.equal(attempt["docker:index/remoteImage:RemoteImage::web-build"], "replace");
    await stack.write("web/Dockerfile", dockerfile);
  });

  it("is resumed by the next up if it was the first and one of the hosts failed", async () => {
    await using first = await TestStack.create(lab, { hosts: lab.hosts.slice(0, 2) });
    await first.write(".env.deploy", "PAGES_PORT=8099\n");
    const inTheWay = `/home/deploy/.everfresh/${first.project}`;
    const onSecond = (script: string) => exec(lab.hosts[1]!, ["sh", "-c", script], { user: "deploy" });
    await onSecond(`mkdir -p ${path.dirname(inTheWay)} && : >${inTheWay}`);
    const spoiled = await first.up();
    assert.match(spoiled.output, /cannot be created; set remoteDir/);
    await onSecond(`rm ${inTheWay}`);
    const preview = await first.preview();
    assert.doesNotMatch(preview.output, /will refuse/);
    await first.mustUp();
    assert.equal((await first.preview("--expect-no-changes")).status, 0);
  });

  it("is tried again by the next up even if nothing was fixed", async () => {
    await stack.write("web/Dockerfile", dockerfile.replace(/CMD.*/, 'CMD ["false"]'));
    assert.notEqual((await stack.up()).status, 0);
    assert.equal((await stack.plan())["command:remote:Command::host1-up"], "replace");
  });
});

describe("a mistake in the configuration or the project", function () {
  this.timeout(600_000);
  let lab: Lab;
  let stack: TestStack;
  let running: Awaited<ReturnType<TestStack["containers"]>>;

  before(async () => {
    lab = await sharedLab();
    stack = await TestStack.create(lab);
    await stack.mustUp();
    running = await stack.containers();
  });
  after(() => stack?.[Symbol.asyncDispose]());

  /** Makes a mistake, checks what `up` says, and undoes the mistake. */
  async function refused(
    make: () => Promise<void>,
    unmake: () => Promise<void>,
    ...said: RegExp[]
  ): Promise<void> {
    await make();
    const run = await stack.up().finally(unmake);
    assert.notEqual(run.status, 0, run.output);
    for (const pattern of said) assert.match(run.output, pattern);
    readable(run);
    assert.deepEqual(await stack.containers(), running, "something changed on the host");
  }

  const wrongKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

  it("names an unreachable host", () =>
    refused(
      () => stack.configure({ "hosts[0].port": "1" }),
      () => stack.configure({ "hosts[0].port": `${stack.host.port}` }),
      /everfresh:hosts\[0\]\.address: .*:1 cannot be reached .*; check the address/,
    ));

  it("names a host that has another key than the configured one", () =>
    refused(
      () => stack.configure({ "hosts[0].hostKey": wrongKey }),
      () => stack.configure({ "hosts[0].hostKey": stack.host.hostKey }),
      /everfresh:hosts\[0\]\.hostKey: .* presented another host key .*; find out why/,
    ));

  it("names a refused login key", async () => {
    const [, other] = lab.hosts;
    await refused(
      () => stack.secret("hosts[0].privateKey", other!.privateKey),
      () => stack.secret("hosts[0].privateKey", stack.host.privateKey),
      /everfresh:hosts\[0\]\.privateKey: .* refuses the login of \w+; add the public key/,
    );
  });

  it("names a private key that is not one", () =>
    refused(
      () =>
        stack.secret(
          "hosts[0].privateKey",
          "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n",
        ),
      () => stack.secret("hosts[0].privateKey", stack.host.privateKey),
      /everfresh:hosts\[0\]\.privateKey: cannot be read .*; give a private key/,
    ));

  it("names a missing host key", () =>
    refused(
      () => stack.unset("hosts[0].hostKey"),
      () => stack.configure({ "hosts[0].hostKey": stack.host.hostKey }),
      /everfresh:hosts\[0\]\.hostKey: is required.*; take the line/,
    ));

  it("names a wrong registry password before anything is built", () =>
    refused(
      async () => {
        await stack.secret("registry.password", "wrong");
        await stack.write("web/index.html", "<h1>never</h1>\n");
      },
      () => restore(() => stack.secret("registry.password", lab.registry.password)),
      /everfresh:registry\.password: .*refuses the user `lab`/,
    ));

  it("names a registry that does not answer before anything is built", () =>
    refused(
      async () => {
        await stack.configure({ "registry.address": "127.0.0.1:1" });
        await stack.write("web/index.html", "<h1>never</h1>\n");
      },
      () => restore(() => stack.configure({ "registry.address": lab.registry.address })),
      /everfresh:registry\.address: 127\.0\.0\.1:1: cannot be reached/,
    ));

  async function restore(unmake: () => Promise<void>): Promise<void> {
    await unmake();
    await stack.write("web/index.html", "<h1>first</h1>\n");
  }

  it("names a host whose engine does not answer", async () => {
    await killEngine(stack.host);
    try {
      const run = await stack.up();
      assert.notEqual(run.status, 0);
      assert.match(
        run.output,
        /everfresh:hosts\[0\] \(host1\): docker does not answer there .*; install or start it/,
      );
      readable(run);
    } finally {
      await startEngine(stack.host);
    }
    // Containers end with their engine when it is killed. What the next up does then is covered by the drift tests.
    await stack.mustUp();
    running = await stack.containers();
  });

  const composeMistakes: [string, string, RegExp][] = [
    [
      "an unknown service",
      "services: { web: { image: x, depends_on: [nobody] } }",
      /compose\.yaml: .*undefined service "?nobody/,
    ],
    ["a malformed compose file", "services: { web: [", /compose\.yaml: yaml: .*; correct the compose file/],
    [
      "a key that compose does not know",
      "services: { web: { image: x, prots: [] } }",
      /prots is not allowed/,
    ],
    [
      "a missing mounted file",
      'services: { web: { image: x, volumes: ["./none:/none:ro"] } }',
      /none does not exist; create it/,
    ],
    [
      "an unknown option",
      "services: { web: { image: x, x-everfresh: { strategie: fast } } }",
      /x-everfresh.*strategie/,
    ],
  ];
  for (const [what, compose, said] of composeMistakes) {
    it(`names ${what}`, async () => {
      const good = await stack.read("compose.yaml");
      await refused(
        () => stack.write("compose.yaml", compose),
        () => stack.write("compose.yaml", good),
        said,
      );
    });
  }

  it("names all mistakes at once", () =>
    refused(
      () => stack.configure({ "hosts[0].port": "70000", keepReleases: "0", tag: "two words" }),
      async () => {
        await stack.configure({
          "hosts[0].port": `${stack.host.port}`,
          keepReleases: "5",
        });
        await stack.unset("tag");
      },
      /everfresh:hosts\[0\]\.port: must be a whole number/,
      /everfresh:keepReleases: must be a whole number/,
      /everfresh:tag: is not an image tag/,
    ));

  it("leaves everything in the lab as it was", async () => {
    assert.deepEqual(await stack.containers(), running);
    assert.notEqual(await engine(stack.host, "ps", "-q"), "");
  });
});
