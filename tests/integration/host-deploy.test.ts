import assert from "node:assert/strict";
import { reportProgram, teardownProgram } from "../../core/host/requests";
import type { Check } from "../../core/host/types";
import { engine, exec, startRegistry, stopRegistry } from "../../lab/faults";
import { ownHost } from "../faults/support/own-host";
import {
  containerIds,
  deploy,
  look,
  removeProjects,
  requestFor,
  type ShopOptions,
  served,
  shop,
} from "../faults/support/shop";
import { runOn } from "../faults/support/ssh";
import { deploymentProgram } from "../support/written-release";

const PROJECT = { project: "shop" };

describe("a host", function () {
  this.timeout(600_000);
  const own = ownHost("host", ["one", "two", "api"]);

  const containers = () => containerIds(own.host);
  const release = (id: string, options: ShopOptions) => requestFor(own.lab, shop(own.images, id, options));
  const wipe = () => removeProjects(own.host);

  it("reports that nothing is deployed, with the same token each time", async () => {
    const { drift, token } = await look(own.host);
    assert.deepEqual(drift, ["nothing is deployed"]);
    assert.equal((await look(own.host)).token, token);
  });

  it("deploys a first release and proves it", async () => {
    const { status, stderr, result } = await deploy(own.host, {
      ...release("r1", { page: "one" }),
      token: "t1",
    });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^pull web$/m);
    assert.match(stderr, /^web healthy$/m);
    assert.equal(await served(own.host), "one");
    assert.equal(await served(own.host, "/conf"), "plain");
    const running = await engine(
      own.host,
      "inspect",
      "--format",
      "{{.Image}}",
      result!.services.web!.container,
    );
    const known = await engine(own.host, "image", "inspect", "--format", "{{.RepoDigests}}", running);
    assert.ok(known.includes(result!.services.web!.digest!), `${known} has the digest that was reported`);
    const state = await look(own.host);
    assert.deepEqual(state.drift, []);
    assert.equal(state.token, "t1");
    assert.equal(state.current?.id, "r1");
    assert.equal(state.current?.who, "tester");
  });

  it("touches no container when the same release is deployed again", async () => {
    const before = await containers();
    const { status, stderr } = await deploy(own.host, { ...release("r1", { page: "one" }), token: "t2" });
    assert.equal(status, 0, stderr);
    assert.deepEqual(await containers(), before);
    assert.equal((await look(own.host)).token, "t2");
  });

  it("replaces only the service whose image changed", async () => {
    const before = await containers();
    const { status, stderr } = await deploy(own.host, release("r2", { page: "two" }));
    assert.equal(status, 0, stderr);
    assert.equal(await served(own.host), "two");
    const after = await containers();
    assert.notEqual(after.web, before.web);
    assert.equal(after.api, before.api);
  });

  it("replaces only the service whose mounted file changed", async () => {
    const before = await containers();
    const { status, stderr } = await deploy(own.host, release("r3", { page: "two", conf: "other" }));
    assert.equal(status, 0, stderr);
    assert.equal(await served(own.host, "/conf"), "other");
    const after = await containers();
    assert.notEqual(after.web, before.web);
    assert.equal(after.api, before.api);
  });

  it("puts the previous release back when a container never becomes healthy", async () => {
    const { status, stderr, stdout } = await deploy(own.host, release("r4", { page: "one", sick: true }));
    assert.equal(status, 1, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /web: is unhealthy\n[\s\S]*404 Not Found[\s\S]*\nrelease r3 serves again\n$/);
    assert.equal(await served(own.host), "two");
    assert.equal(await served(own.host, "/conf"), "other");
    const state = await look(own.host);
    assert.deepEqual(state.drift, []);
    assert.equal(state.current?.id, "r3");
    assert.equal((await own.ledger()).at(-1).outcome, "put back");
  });

  it("puts the previous release back when a check of the new one fails, and names the check", async () => {
    const serving = (await look(own.host)).current?.id;
    const broken: [Check, RegExp][] = [
      [
        { kind: "http", port: 80, path: "/", status: 200, body: "three" },
        /web: http \/ does not contain the expected text$/m,
      ],
      [
        { kind: "http", port: 80, path: "/gone", status: 200 },
        /web: http \/gone answered 404 instead of 200$/m,
      ],
      [{ kind: "command", command: ["test", "-f", "/no such"] }, /web: command test exited with status 1$/m],
      [
        { kind: "file", path: "/www/conf", contains: "plain\n" },
        /web: file \/www\/conf does not contain the expected text$/m,
      ],
    ];
    for (const [check, said] of broken) {
      const { status, stderr } = await deploy(own.host, {
        ...release("v0", { page: "one", verify: [check] }),
        healthTimeout: 2,
      });
      assert.equal(status, 1);
      assert.match(stderr, said);
      assert.match(stderr, new RegExp(`release ${serving} serves again\n$`));
    }
    const passing: Check[] = [
      { kind: "http", port: 80, path: "/", status: 200, body: "one" },
      { kind: "command", command: ["grep", "-q", "-e", "$PATH; 'x' \"y\"", "/www/conf"] },
      { kind: "file", path: "/www/conf", contains: "$PATH; 'x' \"y\"" },
    ];
    const verified = release("v1", { page: "one", conf: "a $PATH; 'x' \"y\"\nb", verify: passing });
    const { status, stderr } = await deploy(own.host, { ...verified, keepReleases: 4 });
    assert.equal(status, 0, stderr);
    const again = await deploy(own.host, {
      ...release("r3", { page: "two", conf: "other" }),
      keepReleases: 4,
    });
    assert.equal(again.status, 0, again.stderr);
  });

  it("rolls back to an earlier release's image, file and configuration without the registry", async () => {
    await stopRegistry(own.lab);
    try {
      const { status, stderr } = await deploy(
        own.host,
        requestFor(own.lab, { kept: "r1", project: "shop" }, { token: "back" }),
      );
      assert.equal(status, 0, stderr);
    } finally {
      await startRegistry(own.lab);
    }
    assert.equal(await served(own.host), "one");
    assert.equal(await served(own.host, "/conf"), "plain");
    const state = await look(own.host);
    assert.equal(state.current?.id, "r1");
    assert.equal(state.token, "back");
  });

  it("names the releases it keeps when asked for another", async () => {
    const { status, stderr } = await deploy(own.host, requestFor(own.lab, { kept: "gone", project: "shop" }));
    assert.equal(status, 1);
    assert.match(stderr, /release gone: is no longer on this host; choose one of: r1 r3 v1/);
  });

  it("reports the last proof again, whatever else is on stdin", async () => {
    const { status, stdout } = await runOn(own.host, reportProgram(PROJECT));
    assert.equal(status, 0);
    assert.equal(JSON.parse(stdout).release, "r1");
    const same = await runOn(own.host, {
      ...deploymentProgram(release("r9", { page: "one" })),
      command: reportProgram(PROJECT).command,
    });
    assert.equal(same.stdout, stdout);
  });

  it("refuses to replace another stack's release until told to, and names it", async () => {
    const foreign = { ...release("r5", { page: "two" }), lineage: "other" };
    const { status, stderr } = await deploy(own.host, foreign);
    assert.equal(status, 2);
    assert.match(stderr, /release r1 was deployed here at \d{4}-.* by tester from test-machine, stack prod/);
    assert.equal(await served(own.host), "one");
    const told = await deploy(own.host, { ...foreign, takeOver: "r1" });
    assert.equal(told.status, 0, told.stderr);
    assert.equal((await look(own.host)).lineage, "other");
  });

  it("keeps the configured number of releases, and only their images", async () => {
    for (const id of ["k1", "k2", "k3"]) {
      const { status, stderr } = await deploy(own.host, {
        ...release(id, { page: "two", conf: id }),
        lineage: "other",
        keepReleases: 2,
      });
      assert.equal(status, 0, stderr);
    }
    const kept = await exec(own.host, [
      "ls",
      "/home/deploy/.everfresh/shop/releases",
      "/home/deploy/.everfresh/shop/store",
    ]);
    assert.match(kept, /k2\nk3\n/);
    assert.equal(kept.match(/^[0-9a-f]{64}$/gm)?.length, 2);
    const present = await engine(own.host, "image", "ls", "--digests", "--format", "{{.Digest}}");
    assert.ok(
      !present.includes(own.images.one!.split("@")[1]!),
      "the image that no kept release names is gone",
    );
    assert.ok(present.includes(own.images.two!.split("@")[1]!));
  });

  it("keeps its images through a `docker image prune`", async () => {
    await deploy(own.host, { ...release("p1", { page: "one" }), lineage: "other" });
    await engine(own.host, "image", "prune", "--force");
    await engine(own.host, "image", "inspect", own.images.two!);
  });

  it("records every deployment in its ledger", async () => {
    const lines = await own.ledger();
    assert.deepEqual(
      lines.map(({ release, outcome }) => `${release} ${outcome}`),
      [
        "r1 deployed",
        "r1 unchanged",
        "r2 deployed",
        "r3 deployed",
        "r4 put back",
        "v0 put back",
        "v0 put back",
        "v0 put back",
        "v0 put back",
        "v1 deployed",
        "r3 deployed",
        "r1 deployed",
        "gone failed",
        "r5 deployed",
        "k1 deployed",
        "k2 deployed",
        "k3 deployed",
        "p1 deployed",
      ],
    );
    assert.equal(lines[0].who, "tester");
    assert.match(lines[0].services.web.digest, /^sha256:/);
    assert.equal(lines[4].service, "web");
  });

  it("keeps nothing of a project after its teardown, which touches no other project and no volume", async () => {
    await engine(own.host, "volume", "create", "--label", "com.docker.compose.project=shop", "shop_data");
    const other = requestFor(own.lab, shop(own.images, "o1", { page: "one", project: "other", port: 8081 }));
    assert.equal((await deploy(own.host, other)).status, 0);
    const tearDown = (of: { lineage: string; host: string }) =>
      runOn(
        own.host,
        teardownProgram({ ...PROJECT, ...of, who: "t", from: "m", lockWait: 5, volumes: false }),
      );
    const ours = { lineage: "other", host: "host1" };
    const before = await containers();
    for (const [not, said] of [
      [{ ...ours, lineage: "a third" }, /^shop: left alone; release \w+ was deployed here .* by tester/],
      [{ ...ours, host: "its old name" }, /^shop: left alone; this machine is now host host1$/m],
    ] as const) {
      const { status, stderr } = await tearDown(not);
      assert.equal(status, 0, stderr);
      assert.match(stderr, said);
      assert.deepEqual(await containers(), before);
    }
    const torn = await tearDown(ours);
    assert.equal(torn.status, 0, torn.stderr);
    assert.equal(await exec(own.host, ["ls", "-A", "/home/deploy/.everfresh"]), "other");
    assert.equal(
      await engine(own.host, "ps", "-aq", "--filter", "label=com.docker.compose.project=shop"),
      "",
    );
    assert.equal(
      await engine(own.host, "network", "ls", "-q", "--filter", "label=com.docker.compose.project=shop"),
      "",
    );
    assert.equal(await engine(own.host, "volume", "ls", "-q", "--filter", "name=shop_data"), "shop_data");
    assert.equal(await served(own.host, "/", 8081), "one");
    await engine(own.host, "volume", "rm", "shop_data");
    await wipe();
  });

  it("restores a shipped file that a container wrote to, and keeps what was written", async () => {
    const { stderr } = await deploy(own.host, release("kept", { page: "one", conf: "as shipped" }));
    const folder = "/home/deploy/.everfresh/shop";
    await exec(own.host, ["sh", "-c", `echo 'typed on the host' >$(ls ${folder}/store/*/site.conf)`]);
    const { status, stderr: said } = await deploy(own.host, {
      ...release("kept", { page: "one", conf: "as shipped" }),
      token: "mended",
    });
    assert.equal(status, 0, `${stderr}${said}`);
    assert.equal(await served(own.host, "/conf"), "as shipped");
    const kept = /changed on this host is kept in (\S+)/.exec(said)?.[1];
    assert.equal(await exec(own.host, ["sh", "-c", `cat ${kept}/site.conf`]), "typed on the host", said);
    await wipe();
  });
});
