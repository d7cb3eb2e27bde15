import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import type { ComposeDocument } from "../../core/compose/document";
import { renderCompose, storePath } from "../../core/compose/render";
import { deployStdin, historyStdin, reportStdin, teardownStdin } from "../../core/host/program";
import type { Check } from "../../core/host/types";
import { engine, exec, startRegistry, stopRegistry } from "../../lab/faults";
import type { Lab, LabHost } from "../../lab/lab";
import { eventually } from "../../lab/poll";
import { ownLab } from "../faults/support/own-lab";
import { deploy, type Images, look, pushImages, requestFor, served, shop } from "../faults/support/shop";
import { runOn } from "../faults/support/ssh";

const PROJECT = { project: "shop" };

describe("a host", function () {
  this.timeout(600_000);
  let lab: Lab;
  let host: LabHost;
  let images: Images;

  ownLab("host", async (ready) => {
    lab = ready;
    host = lab.hosts[0]!;
    images = await pushImages(lab, ["one", "two", "api"]);
  });

  const containers = async () =>
    Object.fromEntries((await look(host)).containers.map(({ service, id }) => [service, id]));
  const ledger = async () =>
    (await runOn(host, historyStdin(PROJECT))).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  const release = (id: string, options: Parameters<typeof shop>[2]) =>
    requestFor(lab, shop(images, id, options));
  const wipe = async () => {
    await exec(host, [
      "sh",
      "-c",
      "docker rm -f $(docker ps -aq) 2>/dev/null; docker network prune -f; rm -rf /home/deploy/.everfresh",
    ]);
  };

  it("says that nothing is deployed, and where that changes", async () => {
    const { drift, token } = await look(host);
    assert.deepEqual(drift, ["nothing is deployed"]);
    assert.equal((await look(host)).token, token);
  });

  it("deploys a first release and proves it", async () => {
    const { status, stderr, result } = await deploy(host, { ...release("r1", { page: "one" }), token: "t1" });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^pull web$/m);
    assert.match(stderr, /^web healthy$/m);
    assert.equal(await served(host), "one");
    assert.equal(await served(host, "/conf"), "plain");
    const running = await engine(host, "inspect", "--format", "{{.Image}}", result!.services.web!.container);
    const known = await engine(host, "image", "inspect", "--format", "{{.RepoDigests}}", running);
    assert.ok(known.includes(result!.services.web!.digest!), `${known} has the digest that was reported`);
    const state = await look(host);
    assert.deepEqual(state.drift, []);
    assert.equal(state.token, "t1");
    assert.equal(state.current?.id, "r1");
    assert.equal(state.current?.who, "tester");
  });

  it("touches no container when the same release comes again", async () => {
    const before = await containers();
    const { status, stderr } = await deploy(host, { ...release("r1", { page: "one" }), token: "t2" });
    assert.equal(status, 0, stderr);
    assert.deepEqual(await containers(), before);
    assert.equal((await look(host)).token, "t2");
  });

  it("replaces only the service whose image changed", async () => {
    const before = await containers();
    const { status, stderr } = await deploy(host, release("r2", { page: "two" }));
    assert.equal(status, 0, stderr);
    assert.equal(await served(host), "two");
    const after = await containers();
    assert.notEqual(after.web, before.web);
    assert.equal(after.api, before.api);
  });

  it("replaces only the service whose mounted file changed", async () => {
    const before = await containers();
    const { status, stderr } = await deploy(host, release("r3", { page: "two", conf: "other" }));
    assert.equal(status, 0, stderr);
    assert.equal(await served(host, "/conf"), "other");
    const after = await containers();
    assert.notEqual(after.web, before.web);
    assert.equal(after.api, before.api);
  });

  it("puts back what served when a container never gets healthy", async () => {
    const { status, stderr, stdout } = await deploy(host, release("r4", { page: "one", sick: true }));
    assert.equal(status, 1, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /web: is unhealthy\n[\s\S]*404 Not Found[\s\S]*\nrelease r3 serves again\n$/);
    assert.equal(await served(host), "two");
    assert.equal(await served(host, "/conf"), "other");
    const state = await look(host);
    assert.deepEqual(state.drift, []);
    assert.equal(state.current?.id, "r3");
    assert.equal((await ledger()).at(-1).outcome, "put back");
  });

  it("does not call a release proved whose own checks fail, and says which one", async () => {
    const serving = (await look(host)).current?.id;
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
      const { status, stderr } = await deploy(host, {
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
    const { status, stderr } = await deploy(host, { ...verified, keepReleases: 4 });
    assert.equal(status, 0, stderr);
    const again = await deploy(host, { ...release("r3", { page: "two", conf: "other" }), keepReleases: 4 });
    assert.equal(again.status, 0, again.stderr);
  });

  it("goes back to an earlier release, its image, file and configuration, without the registry", async () => {
    await stopRegistry(lab);
    try {
      const { status, stderr } = await deploy(
        host,
        requestFor(lab, { kept: "r1", project: "shop" }, { token: "back" }),
      );
      assert.equal(status, 0, stderr);
    } finally {
      await startRegistry(lab);
    }
    assert.equal(await served(host), "one");
    assert.equal(await served(host, "/conf"), "plain");
    const state = await look(host);
    assert.equal(state.current?.id, "r1");
    assert.equal(state.token, "back");
  });

  it("names the releases it has when asked for one that it does not keep", async () => {
    const { status, stderr } = await deploy(host, requestFor(lab, { kept: "gone", project: "shop" }));
    assert.equal(status, 1);
    assert.match(stderr, /release gone: not on this host any more; choose one of: r1 r3 v1/);
  });

  it("reports the last proof again, whatever else is on stdin", async () => {
    const { status, stdout } = await runOn(host, reportStdin(PROJECT));
    assert.equal(status, 0);
    assert.equal(JSON.parse(stdout).release, "r1");
    const same = await runOn(host, {
      ...deployStdin(release("r9", { page: "one" })),
      command: reportStdin(PROJECT).command,
    });
    assert.equal(same.stdout, stdout);
  });

  it("refuses to replace what another stack deployed until told to, naming it", async () => {
    const foreign = { ...release("r5", { page: "two" }), lineage: "other" };
    const { status, stderr } = await deploy(host, foreign);
    assert.equal(status, 2);
    assert.match(stderr, /release r1 was deployed here at \d{4}-.* by tester from test-machine, stack prod/);
    assert.equal(await served(host), "one");
    const told = await deploy(host, { ...foreign, takeOver: "r1" });
    assert.equal(told.status, 0, told.stderr);
    assert.equal((await look(host)).lineage, "other");
  });

  it("keeps as many releases as it was told, and the images of those only", async () => {
    for (const id of ["k1", "k2", "k3"]) {
      const { status, stderr } = await deploy(host, {
        ...release(id, { page: "two", conf: id }),
        lineage: "other",
        keepReleases: 2,
      });
      assert.equal(status, 0, stderr);
    }
    const kept = await exec(host, [
      "ls",
      "/home/deploy/.everfresh/shop/releases",
      "/home/deploy/.everfresh/shop/store",
    ]);
    assert.match(kept, /k2\nk3\n/);
    assert.equal(kept.match(/^[0-9a-f]{64}$/gm)?.length, 2);
    const present = await engine(host, "image", "ls", "--digests", "--format", "{{.Digest}}");
    assert.ok(!present.includes(images.one!.split("@")[1]!), "the image that no kept release names is gone");
    assert.ok(present.includes(images.two!.split("@")[1]!));
  });

  it("keeps images through an image prune of the host's own", async () => {
    await deploy(host, { ...release("p1", { page: "one" }), lineage: "other" });
    await engine(host, "image", "prune", "--force");
    await engine(host, "image", "inspect", images.two!);
  });

  it("tells the ledger of every deployment", async () => {
    const lines = await ledger();
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

  it("is left without a trace by teardown, other projects and volumes untouched", async () => {
    await engine(host, "volume", "create", "--label", "com.docker.compose.project=shop", "shop_data");
    const other = requestFor(lab, shop(images, "o1", { page: "one", project: "other", port: 8081 }));
    assert.equal((await deploy(host, other)).status, 0);
    const tearDown = (of: { lineage: string; host: string }) =>
      runOn(host, teardownStdin({ ...PROJECT, ...of, who: "t", from: "m", lockWait: 5, volumes: false }));
    const ours = { lineage: "other", host: "host1" };
    const before = await containers();
    for (const [not, said] of [
      [{ ...ours, lineage: "a third" }, /^shop: left alone; release \w+ was deployed here .* by tester/],
      [{ ...ours, host: "its old name" }, /^shop: left alone; this machine is host1 now$/m],
    ] as const) {
      const { status, stderr } = await tearDown(not);
      assert.equal(status, 0, stderr);
      assert.match(stderr, said);
      assert.deepEqual(await containers(), before);
    }
    const torn = await tearDown(ours);
    assert.equal(torn.status, 0, torn.stderr);
    assert.equal(await exec(host, ["ls", "-A", "/home/deploy/.everfresh"]), "other");
    assert.equal(await engine(host, "ps", "-aq", "--filter", "label=com.docker.compose.project=shop"), "");
    assert.equal(
      await engine(host, "network", "ls", "-q", "--filter", "label=com.docker.compose.project=shop"),
      "",
    );
    assert.equal(await engine(host, "volume", "ls", "-q", "--filter", "name=shop_data"), "shop_data");
    assert.equal(await served(host, "/", 8081), "one");
    await engine(host, "volume", "rm", "shop_data");
    await wipe();
  });

  it("frees the room of what a failed deployment pulled with the next one that is proved", async () => {
    const tags = () => engine(host, "image", "ls", "-q", "everfresh/shop");
    await deploy(host, release("g1", { page: "one" }));
    const kept = await tags();
    assert.equal((await deploy(host, release("g2", { page: "two", sick: true }))).status, 1);
    assert.notEqual(await tags(), kept);
    await deploy(host, release("g3", { page: "one", conf: "another" }));
    assert.equal(await tags(), kept);
    const two = images.two!.split("@")[1]!;
    assert.ok(!(await engine(host, "images", "--digests")).includes(two), "the image itself is gone");
    await wipe();
  });

  it("leaves nothing when the very first deployment fails", async () => {
    const { status, stderr } = await deploy(host, release("f1", { page: "one", sick: true }));
    assert.equal(status, 1, stderr);
    assert.match(stderr, /nothing of shop serves\n$/);
    assert.equal(await engine(host, "ps", "-aq"), "");
    assert.equal(await exec(host, ["ls", "/home/deploy/.everfresh/shop/releases"]), "");
  });

  it("proves an image by whatever name it is given, with or without a tag and a registry", async () => {
    const local = "local/api:latest";
    for (const [number, name] of ["local/api", "docker.io/local/api:latest"].entries()) {
      await deploy(host, release(`n${number}`, { page: "one" }));
      await engine(host, "tag", images.api!, local);
      const named = shop(images, `named${number}`, { page: "one" });
      named.compose = named.compose.replace(images.api!, name);
      named.services[1] = { name: "api", image: name, replicas: 1, files: [], verify: [] };
      for (const settled of ["deployed", "again"]) {
        const { status, stderr } = await deploy(host, requestFor(lab, named));
        assert.equal(status, 0, `${settled} as ${name}: ${stderr}`);
      }
      assert.deepEqual((await look(host)).drift, []);
    }
    await wipe();
  });

  it("puts back around a service that was unhealthy before, and says that it still is", async () => {
    const ailing = (id: string, options: Parameters<typeof shop>[2]) => {
      const made = shop(images, id, options);
      made.compose += `    healthcheck: {test: [CMD-SHELL, "[ ! -e /tmp/ill ]"], interval: 300ms, retries: 1}\n`;
      return requestFor(lab, made, { healthTimeout: 5 });
    };
    await deploy(host, ailing("well", { page: "one" }));
    const { api } = await containers();
    await engine(host, "exec", api!, "sh", "-c", "mkdir -p /tmp && echo >/tmp/ill");
    await eventually("an unhealthy api", async () =>
      (await look(host)).containers.some(({ health }) => health === "unhealthy"),
    );

    const { status, stderr } = await deploy(host, ailing("other", { page: "two" }));
    assert.equal(status, 1, stderr);
    assert.match(stderr, /api: is unhealthy after 5 s/);
    assert.match(stderr, /release well is back as it was; api is unhealthy\n$/);
    assert.equal(await served(host), "one");
    assert.equal((await containers()).api, api);
    assert.deepEqual((await look(host)).drift, []);
    await wipe();
  });

  it("wants a one-shot that others wait for to end well, also when nothing else changes", async () => {
    const migrating = (id: string, migration: string) => {
      const made = shop(images, id, { page: "one" });
      made.compose += `    depends_on: {migration: {condition: service_completed_successfully}}
  migration:
    image: ${images.api}
    restart: "no"
    command: [sh, -c, "sleep 2; ${migration}"]
`;
      const [, api] = made.services;
      made.services.unshift({ ...api!, name: "migration" });
      return requestFor(lab, made);
    };
    const good = await deploy(host, migrating("m1", "exit 0"));
    assert.equal(good.status, 0, good.stderr);
    const { api } = await containers();
    const slow = await deploy(host, { ...migrating("m2", "exit 0 # again"), token: "m2" });
    assert.equal(slow.status, 0, slow.stderr);
    assert.deepEqual((await look(host)).drift, []);
    const bad = await deploy(host, migrating("m3", "echo no such table; exit 3"));
    assert.equal(bad.status, 1, bad.stderr);
    assert.match(bad.stderr, /^migration: exited with status 3\n {2}\| no such table$/m);
    assert.match(bad.stderr, /release m2 serves again\n$/);
    assert.equal((await containers()).api, api);
    await wipe();
  });

  it("refuses a network that is not there, or that compose would leave as it is", async () => {
    const connected = (id: string, networks: string) => {
      const made = shop(images, id, { page: "one" });
      made.compose += `networks: ${networks}\n`;
      return requestFor(lab, made);
    };
    assert.equal((await deploy(host, connected("n1", "{default: {name: shop_default}}"))).status, 0);
    const before = await containers();
    for (const [networks, said] of [
      [
        '{default: {name: shop_default, internal: true, labels: {dev.everfresh.definition: "ab12"}}}',
        /^network shop_default: was made from another definition/m,
      ],
      [
        "{default: {name: elsewhere, external: true}}",
        /^network elsewhere: is external and not on this host; create it/m,
      ],
    ] as const) {
      const { status, stderr } = await deploy(host, connected("n2", networks));
      assert.equal(status, 1, stderr);
      assert.match(stderr, said);
      assert.deepEqual(await containers(), before);
    }
    await wipe();
  });

  it("refuses a volume that is not there, or that docker would leave as it was made", async () => {
    const mounting = (id: string, volumes: string) => {
      const made = shop(images, id, { page: "one" });
      made.compose += `    volumes: [{type: volume, source: data, target: /data}]\nvolumes: ${volumes}\n`;
      return requestFor(lab, made);
    };
    const options = "driver_opts: {type: tmpfs, device: tmpfs, o: 'size=1m,mode=0700'}";
    const tmpfs = `{data: {name: shop_data, ${options}}}`;
    const first = await deploy(host, mounting("v1", tmpfs));
    assert.equal(first.status, 0, first.stderr);
    assert.equal((await deploy(host, mounting("v1b", tmpfs))).status, 0, "the same again");
    const before = await containers();
    const another = /^volume shop_data: was made with another driver or other options.*docker volume rm/m;
    for (const [volumes, said] of [
      ["{data: {name: shop_data}}", another],
      [tmpfs.replace("size=1m", "size=2m"), another],
      [tmpfs.replace("{data: {", "{data: {driver: other, "), another],
      [
        "{data: {name: elsewhere, external: true}}",
        /^volume elsewhere: is external and not on this host; create it/m,
      ],
    ] as const) {
      const { status, stderr } = await deploy(host, mounting("v2", volumes));
      assert.equal(status, 1, stderr);
      assert.match(stderr, said);
      assert.deepEqual(await containers(), before);
    }
    await wipe();
    await engine(host, "volume", "rm", "shop_data");
  });

  it("keeps what a container wrote into a shipped file, beside putting the file right", async () => {
    const { stderr } = await deploy(host, release("kept", { page: "one", conf: "as shipped" }));
    const folder = "/home/deploy/.everfresh/shop";
    await exec(host, ["sh", "-c", `echo 'typed on the host' >$(ls ${folder}/store/*/site.conf)`]);
    const { status, stderr: said } = await deploy(host, {
      ...release("kept", { page: "one", conf: "as shipped" }),
      token: "mended",
    });
    assert.equal(status, 0, `${stderr}${said}`);
    assert.equal(await served(host, "/conf"), "as shipped");
    const kept = /changed on this host is kept in (\S+)/.exec(said)?.[1];
    assert.equal(await exec(host, ["sh", "-c", `cat ${kept}/site.conf`]), "typed on the host", said);
    await wipe();
  });

  it("carries every text to the container exactly: variables, labels, arguments, names of files", async () => {
    const texts = [
      ...["'", '"', "$(id)", "`id`", "; id", "\\", "-n", " x ", "ü€😀", "%s", "!!", "${HOME}", "$$", "$HOME"],
      ...["a\nb\n", "\n", "\t", "#", "k: v", "{{.Id}}", "\u0085", "|", "EVERFRESH_PAYLOAD", "", "-", "~"],
      ...fc.sample(fc.string({ unit: "grapheme" }), 40).filter((text) => !text.includes("\0")),
    ].map((text) => text.toWellFormed());
    const byName = (prefix: string, values: string[]) =>
      Object.fromEntries(values.map((value, i) => [`${prefix}${i}`, value]));
    const name = ` -n "a" |$(id)\n'ü: \\;.conf`;
    const fingerprint = "0d".repeat(32);

    const odd = shop(images, "odd", { page: "one" });
    const document = parse(odd.compose) as ComposeDocument;
    Object.assign(document.services.api!, {
      environment: byName("V", texts),
      labels: byName("test.", texts),
      command: ["sh", "-c", "sleep 100000", ...texts],
      volumes: [{ type: "bind", source: "/srv/odd", target: "/odd $ file", read_only: true }],
    });
    odd.compose = renderCompose(
      { services: [], document },
      { images: {}, files: new Map([["/srv/odd", storePath(fingerprint, name)]]) },
    );
    const bytes = Buffer.from("odd\n");
    const entries = [{ type: "file" as const, path: name, executable: false, bytes }];
    odd.files.push({ fingerprint, path: name, entries });
    odd.services.find(({ name }) => name === "api")!.files.push(fingerprint);

    const { status, stderr, result } = await deploy(host, requestFor(lab, odd));
    assert.equal(status, 0, stderr);
    const { container } = result!.services.api!;
    const [inspected] = JSON.parse(await engine(host, "inspect", container));
    const { Env, Labels, Cmd } = inspected.Config as { Env: string[]; Labels: object; Cmd: string[] };
    const variables = Env.filter((line) => /^V\d+=/.test(line)).map((line) =>
      line.slice(line.indexOf("=") + 1),
    );
    const labels = Object.entries(Labels).filter(([key]) => key.startsWith("test."));
    assert.deepEqual([...variables].sort(), [...texts].sort());
    assert.deepEqual(Object.fromEntries(labels), byName("test.", texts));
    assert.deepEqual(Cmd.slice(3), texts);
    assert.equal(await engine(host, "exec", container, "cat", "/odd $ file"), "odd");

    // And the host knows its own containers again.
    assert.deepEqual((await look(host)).drift, []);
    const again = await deploy(host, requestFor(lab, odd, { token: "again" }));
    assert.match(again.stderr, /odd runs already; nothing was touched/);
  });
});
