import assert from "node:assert/strict";
import { logsProgram, teardownProgram } from "../../core/host/requests";
import { engine, exec } from "../../lab/faults";
import { ownHost } from "../faults/support/own-host";
import { deploy, look, requestFor, served, shop } from "../faults/support/shop";
import { runOn } from "../faults/support/ssh";
import { newest } from "../support/lab";

const FOLDER = "/home/deploy/.everfresh/shop";
const PROJECT = { project: "shop" };
const label = (key: string, value: string) => ["--label", `com.docker.compose.${key}=${value}`];

describe("a host with somebody else's containers", function () {
  this.timeout(600_000);
  const own = ownHost("foreign", ["one", "two", "api"], {
    engine: newest,
    ready: async () => {
      await green("r1", "one");
    },
  });

  const request = (id: string, page: string, overrides = {}) =>
    requestFor(own.lab, shop(own.images, id, { page }), { token: `token of ${id}`, ...overrides });
  const green = async (id: string, page: string, overrides = {}) => {
    const { status, stderr } = await deploy(own.host, request(id, page, overrides));
    assert.equal(status, 0, stderr);
    return stderr;
  };
  const start = (name: string, ...options: string[]) =>
    engine(own.host, "run", "-d", "--init", "--name", name, ...options, own.images.api!, "sleep", "100000");
  const isRunning = async (name: string) =>
    (
      await engine(own.host, "inspect", "--format", "{{.State.Running}} {{.State.StartedAt}}", name)
    ).startsWith("true");
  const onHost = (script: string) => exec(own.host, ["sh", "-c", script], { user: "deploy" });
  const everything = () => engine(own.host, "ps", "-aq", "--no-trunc");

  it("touches nothing until told to while a foreign container carries the project's labels", async () => {
    for (const service of ["web", "debug"]) {
      const claim = ["project", "service", "oneoff"].flatMap((key, i) =>
        label(key, ["shop", service, "False"][i]!),
      );
      await start("claimant", ...claim);
      const before = await everything();
      const { status, stderr } = await deploy(own.host, request("r2", "two"));
      assert.equal(status, 2, stderr);
      assert.match(
        stderr,
        /^shop: containers of this project run here \(claimant\) that everfresh did not deploy; remove them/,
      );
      assert.equal(await everything(), before);
      const strangers = (await look(own.host)).containers.flatMap(({ stranger }) => stranger ?? []);
      assert.deepEqual(strangers, ["claimant"]);

      await green("r2", "two", { takeOver: "unmanaged" });
      assert.doesNotMatch(await engine(own.host, "ps", "-a", "--format", "{{.Names}}"), /claimant/);
      await green("r1", "one");
    }
  });

  it("touches nothing while compose runs the same project from another folder", async () => {
    await onHost(`mkdir -p ~/elsewhere && cd ~/elsewhere && printf 'services:\\n  db:\\n    image: %s\\n    command: [sleep, "1000"]\\n' '${own.images.api}' >compose.yaml &&
      docker compose -p shop up -d 2>/dev/null`);
    assert.deepEqual((await look(own.host)).drift, ["db is not part of the release"]);
    const before = await everything();
    const { status, stderr } = await deploy(own.host, request("r2", "two"));
    assert.equal(status, 2, stderr);
    assert.match(stderr, /shop-db-1/);
    assert.equal(await everything(), before);
    await engine(own.host, "rm", "-f", "shop-db-1");
  });

  it("removes the containers of a service that the release no longer has", async () => {
    const small = shop(own.images, "small", { page: "one" });
    small.services = small.services.filter(({ name }) => name === "web");
    small.compose = small.compose.slice(0, small.compose.indexOf("  api:"));
    const { status, stderr } = await deploy(own.host, requestFor(own.lab, small));
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      (await look(own.host)).containers.map(({ service }) => service),
      ["web"],
    );
    await green("r1", "one");
  });

  it("lets no text in labels, names and paths forge a fact or run a command", async () => {
    const victim = await start("victim");
    const forged = (service: string) =>
      `${victim}|sha256:0|created||0|0|start||/shop-x-1||/x |${service}|${FOLDER}`;
    const texts = [
      `debug\n${forged("web")}`,
      `debug|${forged("web")}`,
      "<no value>",
      "x/e touch /tmp/owned\nx",
      "w /tmp/owned\n$(touch /tmp/owned)`touch /tmp/owned`",
      "\u001b]0;owned\u0007\u009b2J\u202e",
      `","imageId":"--help`,
      `x\nend\nlocked\nproved token forged`,
    ];
    await onHost(`mkdir -p "$(printf '/tmp/a\\n|%s' '${victim}|x')"`);
    for (const [i, text] of texts.entries()) {
      const claim = [
        ...[label("project", "shop"), label("oneoff", "False"), label("service", text)].flat(),
        ...[
          label("config-hash", text),
          label("image", text),
          label("project.working_dir", `${FOLDER}\n${text}`),
        ].flat(),
        ...["--mount", `type=bind,"source=/tmp/a\n|${victim}|x",target=/x`],
      ];
      await start(`claimant${i}`, ...claim);
    }
    const before = await everything();
    const { drift } = await look(own.host);
    assert.equal(drift.length, texts.length, drift.join("\n"));
    for (const line of drift) assert.doesNotMatch(line, /[\p{Cc}\u202e]/u);
    const refused = await deploy(own.host, request("r2", "two"));
    assert.equal(refused.status, 2, refused.stderr);
    assert.doesNotMatch(refused.stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    const { status, stdout } = await runOn(own.host, logsProgram(PROJECT, { tail: 5 }));
    assert.equal(status, 0);
    assert.match(stdout, /^api \| .*api started$/m);
    assert.equal(await everything(), before);

    // Somebody who has read what the names are says so.
    await green("r2", "two", { takeOver: "unmanaged" });
    assert.ok(await isRunning("victim"));
    assert.equal(await exec(own.host, ["sh", "-c", "ls /tmp/owned 2>/dev/null || true"]), "");
    assert.deepEqual((await look(own.host)).drift, []);
    await engine(own.host, "rm", "-f", "victim");
    await green("r1", "one");
  });

  it("lets no output of a container or docker steer the terminal", async () => {
    const loud = shop(own.images, "loud", { page: "two" });
    loud.compose = loud.compose
      .replace(
        "echo api started; exec sleep 100000",
        "printf 'ok \\\\033]0;owned\\\\007 \\\\302\\\\2332J \\\\342\\\\200\\\\256 ü\\\\n'; exit 3",
      )
      .replace("restart: unless-stopped\n    command", 'restart: "no"\n    command');
    const { status, stderr } = await deploy(own.host, requestFor(own.lab, loud, { settle: 2 }));
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^ {2}\| ok \?\]0;owned\? \?2J \? ü$/m);
    assert.doesNotMatch(stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\ufffd]/);
    assert.equal((await look(own.host)).current?.id, "r1");
  });

  it("keeps foreign containers, networks and volumes with the project's label through a failed first deployment and a teardown", async () => {
    const tearDown = () =>
      runOn(
        own.host,
        teardownProgram({
          ...PROJECT,
          ...{
            lineage: "lineage-of-the-tests",
            host: "host1",
            who: "t",
            from: "m",
            lockWait: 5,
            volumes: true,
          },
        }),
      );
    // Compose itself overlooks a container without its label `oneoff`, and so does the check before a deployment.
    await start("bystander", ...label("project", "shop"), ...label("service", "web"));
    assert.equal((await tearDown()).status, 0);
    assert.equal(await engine(own.host, "ps", "-a", "--format", "{{.Names}}"), "bystander");

    for (const kind of ["network", "volume"]) {
      await engine(own.host, kind, "create", ...label("project", "shop"), `bystander-${kind}`);
      await engine(
        own.host,
        kind,
        "create",
        ...label("project", "shop"),
        ...label(kind, "data"),
        `another-${kind}`,
      );
    }
    const ofProject = ["--filter", "label=com.docker.compose.project=shop", "--format", "{{.Name}}"];
    const named = async (kind: "network" | "volume") =>
      (await engine(own.host, kind, "ls", ...ofProject)).split("\n").sort();
    const theirs = async () => [await isRunning("bystander"), await named("network"), await named("volume")];
    const left = [true, ["another-network", "bystander-network"], ["another-volume", "bystander-volume"]];

    const sick = await deploy(
      own.host,
      requestFor(own.lab, shop(own.images, "f1", { page: "one", sick: true })),
    );
    assert.equal(sick.status, 1, sick.stderr);
    assert.match(sick.stderr, /no release of shop is serving\n$/);
    assert.deepEqual(await theirs(), left);

    const made = shop(own.images, "v1", { page: "one" });
    made.compose += `    volumes: [{type: volume, source: data, target: /data}, {type: volume, source: named, target: /named}]
volumes:
  data: {name: shop_data}
  named:
    "name": "any-name"
`;
    const { status, stderr } = await deploy(own.host, requestFor(own.lab, made));
    assert.equal(status, 0, stderr);
    assert.equal(await served(own.host), "one");
    const torn = await tearDown();
    assert.equal(torn.status, 0, torn.stderr);
    assert.match(torn.stderr, /^left alone: volume another-volume, which everfresh did not make$/m);
    assert.deepEqual(await theirs(), left);
  });
});
