import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { connect } from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { docker } from "../../lab/docker";
import {
  engine,
  exec,
  killEngine,
  killHost,
  pauseHost,
  restartHost,
  resumeHost,
  startEngine,
  startHost,
  startRegistry,
  stopRegistry,
} from "../../lab/faults";
import { down, type Lab, type LabHost, up } from "../../lab/lab";
import { eventually } from "../../lab/poll";
import { folderOf, idOf } from "../../lab/state";
import { pull, push } from "../support/script";

const run = promisify(execFile);
const unique = (name: string) => `${name}-${process.pid}`;

// A web server made from what every Debian has. It stops at once on SIGTERM.
const server = [
  "use IO::Socket; $SIG{TERM} = sub { exit };",
  "my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 5, ReuseAddr => 1) or die;",
  'while (my $c = $s->accept) { print $c "HTTP/1.0 200 OK\\r\\n\\r\\nhello"; close $c }',
].join(" ");

describe("the lab", function () {
  this.timeout(600_000);
  let lab: Lab;
  let host: LabHost;
  let image: string;

  before(async () => {
    lab = await up({ name: unique("lab") });
    host = lab.hosts[0]!;
    image = `${lab.registry.pullAddress}/lab/server`;
    const local = `${lab.registry.address}/lab/server`;
    await docker(["build", "--quiet", "--tag", local, "-"], "FROM debian:trixie-slim\n");
    await push(lab, local);
    await pull(lab, host, image);
    await engine(
      host,
      "run",
      "-d",
      "--name=server",
      "--restart=always",
      "-p=8080:80",
      image,
      "perl",
      "-e",
      server,
    );
  });
  after(() => down(unique("lab")));

  const ssh = (command: string, ...options: string[]) =>
    run("ssh", [
      "-F",
      path.join(folderOf(lab.name), "ssh_config"),
      "-o",
      "BatchMode=yes",
      ...options,
      "host1",
      command,
    ]);
  const page = async () => (await fetch(host.url(8080), { headers: { connection: "close" } })).text();

  it("accepts its key over SSH, for a user in the group docker with no other rights", async () => {
    const { stdout } = await ssh(
      "id -un; id -Gn; docker ps --format '{{.Names}}'; sudo -n true 2>/dev/null || echo no",
    );
    assert.equal(stdout, "deploy\ndeploy docker\nserver\nno\n");
  });

  it("refuses passwords and other keys, and has the host key that the lab lists", async () => {
    const other = path.join(folderOf(lab.name), "other.key");
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", other]);
    const refused = [
      "-o",
      "IdentityAgent=none",
      "-F",
      "none",
      "-p",
      `${host.port}`,
      "-i",
      other,
      "-o",
      "BatchMode=yes",
    ];
    const trusting = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
    await assert.rejects(run("ssh", [...refused, ...trusting, `deploy@${host.address}`, "true"]), {
      stderr: /Permission denied \(publickey\)/,
    });
    const { stdout } = await run("ssh-keyscan", ["-t", "ed25519", "-p", `${host.port}`, host.address]);
    assert.match(stdout, new RegExp(`${host.hostKey.replaceAll("+", "\\+")}\n`));
  });

  it("has a registry that requires its password", async () => {
    const url = `http://${lab.registry.address}/v2/_catalog`;
    const ask = (password: string) =>
      fetch(url, { headers: { authorization: `Basic ${btoa(`lab:${password}`)}` } });
    assert.equal((await fetch(url)).status, 401);
    assert.equal((await ask("wrong")).status, 401);
    assert.deepEqual(await (await ask(lab.registry.password)).json(), { repositories: ["lab/server"] });
  });

  it("makes a port that the host publishes reachable from this machine", async () => {
    await eventually("the page", async () => (await page()) === "hello");
  });

  it("keeps a killed engine down until it is started", async () => {
    await killEngine(host);
    // Far longer than a daemon takes to restart.
    for (const until = Date.now() + 3_000; Date.now() < until; await pause(100))
      await assert.rejects(engine(host, "ps"), { message: /Cannot connect to the Docker daemon/ });
    await startEngine(host);
    await eventually("the page", async () => (await page()) === "hello");
  });

  for (const [what, cycle] of Object.entries({
    "a power cut": async () => {
      await killHost(host);
      await assert.rejects(page());
      await startHost(host);
    },
    "a reboot": () => restartHost(host),
  })) {
    it(`survives ${what} with its disk, its ports and its host key`, async () => {
      const container = await engine(host, "ps", "-q", "--no-trunc");
      await exec(host, ["sh", "-c", "echo kept >/home/deploy/note"], { user: "deploy" });
      await exec(host, ["touch", "/run/note"]);
      await cycle();
      await eventually("the page", async () => (await page()) === "hello");
      assert.equal(await engine(host, "ps", "-q", "--no-trunc"), container);
      assert.equal((await ssh("cat note", "-o", "StrictHostKeyChecking=yes")).stdout, "kept\n");
      await assert.rejects(exec(host, ["test", "-e", "/run/note"]), { status: 1 }); // /run is in memory
    });
  }

  it("lets a paused host and its containers accept connections without answering", async () => {
    await pauseHost(host);
    try {
      assert.equal(await firstBytes(host.port, 1_000), undefined);
      assert.equal(await firstBytes(Number(new URL(host.url(8080)).port), 1_000), undefined);
    } finally {
      await resumeHost(host);
    }
    assert.match((await firstBytes(host.port, 10_000)) ?? "", /^SSH-2\.0/);
  });

  it("keeps pushed images while the registry is down", async () => {
    await stopRegistry(lab);
    await engine(host, "tag", image, `${image}:kept`);
    await engine(host, "rmi", image);
    await assert.rejects(pull(lab, host, image));
    await startRegistry(lab);
    await pull(lab, host, image);
  });

  it("is returned unchanged if it is up already", async () => {
    const again = await up({ name: lab.name });
    assert.deepEqual(JSON.parse(JSON.stringify(again)), JSON.parse(JSON.stringify(lab)));
    assert.match(await engine(host, "ps", "--format={{.Names}}"), /^server$/m);
  });
});

describe("two labs", function () {
  this.timeout(600_000);
  const names = [unique("left"), unique("right")] as const;
  after(() => Promise.all(names.map(down)));

  const objects = async (name: string) => {
    const filter = `--filter=name=everfresh-lab-${idOf(name)}`;
    const lists = [
      ["ps", "-a"],
      ["network", "ls"],
      ["volume", "ls"],
    ];
    const found = await Promise.all(lists.map((list) => docker([...list, "-q", filter])));
    return found.flatMap((ids) => ids.split("\n")).filter(Boolean);
  };

  it("share no ports, secrets, images or Docker objects", async () => {
    const [left, right] = await Promise.all([up({ name: names[0], hosts: 2 }), up({ name: names[1] })]);
    const ports = [left, right].flatMap(({ registry, hosts }) => [
      registry.address,
      ...hosts.flatMap((host) => [host.port, ...Object.values(host.ports)]),
    ]);
    assert.equal(new Set(ports).size, ports.length);
    const secrets = [left, right].flatMap(({ registry, hosts }) => [
      registry.password,
      ...hosts.flatMap(({ hostKey, privateKey }) => [hostKey, privateKey]),
    ]);
    assert.equal(new Set(secrets).size, secrets.length);

    const tag = `${left.registry.address}/x`;
    await docker(["build", "--quiet", "--tag", tag, "-"], "FROM debian:trixie-slim\n");
    await down(left.name);
    assert.deepEqual(await objects(left.name), []);
    assert.equal(await docker(["images", "-q", tag]), "");
    await assert.rejects(stat(folderOf(left.name)), { code: "ENOENT" });
    assert.equal(await engine(right.hosts[0]!, "ps", "-q"), "");
  });

  it("are made again for another engine or image store", async () => {
    const kinds = [
      ["newest", "containerd", /^28\.\S+ io\.containerd\.snapshotter/],
      ["newest", "classic", /^28\.\S+ (?!io)/],
      ["stable", "classic", /^26\.\S+ (?!io)/],
    ] as const;
    for (const [engineName, store, is] of kinds) {
      const { hosts, ...lab } = await up({ name: names[1], engine: engineName, store });
      assert.deepEqual([lab.engine, lab.store], [engineName, store]);
      const status = '{{range .DriverStatus}}{{if eq (index . 0) "driver-type"}}{{index . 1}}{{end}}{{end}}';
      assert.match(await engine(hosts[0]!, "info", `--format={{.ServerVersion}} ${status}`), is);
    }
  });

  it("are made again if a host has died or a crash left half of one", async () => {
    const before = await up({ name: names[1] });
    await killHost(before.hosts[0]!);
    const remade = await up({ name: names[1] });
    assert.notEqual(remade.hosts[0]!.hostKey, before.hosts[0]!.hostKey);

    await run("rm", [path.join(folderOf(names[1]), "lab.json")]);
    const whole = await up({ name: names[1] });
    assert.notEqual(whole.hosts[0]!.hostKey, remade.hosts[0]!.hostKey);
    assert.equal((await objects(names[1])).length, 4, "registry, host, network, volume");
  });
});

/** The first bytes of a server's answer, or undefined if there is none in time. */
function firstBytes(port: number, within: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    const answer = (text?: string) => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(within, () => answer());
    socket.once("error", reject);
    socket.once("data", (bytes) => answer(bytes.toString("latin1")));
    socket.write("GET / HTTP/1.0\r\n\r\n");
  });
}
