import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { unlockProgram } from "../../core/host/requests";
import { docker } from "../../lab/docker";
import { engine, exec, killEngine, startEngine, startRegistry, stopRegistry } from "../../lab/faults";
import { eventually } from "../../lab/poll";
import { deploymentProgram } from "../support/written-release";
import { FOLDER, ownTroubledHost } from "./support/own-troubled-host";
import { deploy, look, pushImages, requestFor, served, shop } from "./support/shop";
import { Connection, runOn } from "./support/ssh";

/** Waits a quarter of a minute for what happens on a host. */
const until = (what: string, condition: () => Promise<boolean>) => eventually(what, condition, 15_000);

describe("a host in trouble", function () {
  this.timeout(600_000);
  const own = ownTroubledHost("trouble");

  it("runs eight simultaneous deployments one after the other, and records them all", async () => {
    await own.green();
    const before = (await own.ledger()).length;
    const releases = [own.next(), own.next(), own.next(), own.next()];
    const runs = await Promise.all(
      [...releases, ...releases].map((release, index) =>
        deploy(
          own.host,
          requestFor(own.lab, release, {
            token: `deployer ${index}`,
            who: `deployer-${index}`,
            lockWait: 280,
          }),
        ),
      ),
    );
    for (const { status, stderr } of runs) assert.equal(status, 0, stderr);
    assert.ok(
      runs.some(({ stderr }) =>
        /^waiting for deployer-\d on test-machine \(release r\d+, since .*\)$/m.test(stderr),
      ),
    );
    const lines = (await own.ledger()).slice(before);
    assert.deepEqual(
      lines.map(({ who }) => who).sort(),
      runs.map((_, index) => `deployer-${index}`),
    );
    const state = await look(own.host);
    assert.deepEqual(state.drift, []);
    const last = lines.at(-1);
    assert.equal(state.current?.id, last.release);
    assert.equal(state.token, `deployer ${last.who.slice(-1)}`);
    assert.equal(await served(own.host, "/conf"), `conf ${last.release.slice(1)}`);
  });

  it("tells a deployer whose wait is over who holds the lock, and exits with status 3", async () => {
    await own.green();
    const slow = requestFor(own.lab, own.next({ sick: true, retries: 1000 }), {
      who: "ann",
      healthTimeout: 60,
    });
    using connection = await Connection.open(own.host);
    const running = connection.run(deploymentProgram(slow));
    await until(
      "a deployment",
      async () =>
        (await look(own.host)).holder !== undefined && (await look(own.host)).unfinished !== undefined,
    );
    const state = await look(own.host);
    assert.deepEqual(state.drift, [`deployment of r${own.numberOfLast()} is under way`]);
    assert.match(state.notes.join(), /ann on test-machine has been deploying/);
    const { status, stderr } = await deploy(own.host, { ...slow, who: "bob", lockWait: 1 });
    assert.equal(status, 3);
    assert.match(
      stderr,
      /shop: ann on test-machine \(release r\d+, since \S+\) is deploying here; try again/,
    );

    const unlocked = await runOn(own.host, unlockProgram({ project: "shop" }, 30));
    assert.equal(unlocked.status, 0, unlocked.stderr);
    const ended = await running;
    assert.equal(ended.status, 1, ended.stderr);
    assert.match(ended.stderr, /the deployment was told to stop\nrelease r\d+ serves again\n$/);
    assert.equal(await served(own.host, "/conf"), `conf ${own.numberOfLast() - 1}`);
  });

  it("frees the lock from processes that a killed deployment left running", async () => {
    await exec(
      own.host,
      ["sh", "-c", `exec 9>>${FOLDER}/shop/lock && flock 9 && exec sleep 300 >/dev/null 2>&1 </dev/null &`],
      { user: "deploy" },
    );
    await until("a lock that is held", async () => (await look(own.host)).holder !== undefined);
    const { status } = await runOn(own.host, unlockProgram({ project: "shop" }, 1));
    assert.equal(status, 0);
    assert.equal((await look(own.host)).holder, undefined);
  });

  it("reports every problem at once, before it touches anything", async () => {
    const serving = await own.green();
    await engine(own.host, "run", "-d", "--name", "squatter", "-p", "8085:80", own.images.api!); // the host has it: every release does
    const { status, stderr } = await deploy(
      own.host,
      requestFor(own.lab, {
        ...own.next({ port: 8085 }),
        compose: own.next({ port: 8085 }).compose.replace("init:", "inti:"),
      }),
    );
    await engine(own.host, "rm", "-f", "squatter");
    assert.equal(status, 1);
    assert.match(stderr, /port 8085: taken by container squatter; stop it or publish another port/);
    assert.match(stderr, /compose file: .*inti/);
    assert.match(stderr, new RegExp(`release r${serving} serves, untouched\n$`));
    assert.equal(await served(own.host, "/conf"), `conf ${serving}`);
    assert.deepEqual((await look(own.host)).drift, []);
  });

  it("keeps the registry's password out of process lists, files and the engine's own records", async () => {
    const password = own.lab.registry.password;
    await own.sh("docker image prune -af >/dev/null");
    const sampling = own.sh(
      "end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do ps axww -o args; done",
    );
    await own.green();
    const samples = await sampling;
    assert.match(samples, /docker .*pull/, "the pull was seen");
    assert.ok(!samples.includes(password));
    assert.equal(
      await exec(own.host, ["grep", "-rlFf", "-", "/home/deploy", "/tmp"], { input: password }).catch(
        () => "",
      ),
      "",
    );
    assert.equal(await own.sh(`find ${FOLDER} -maxdepth 1 -perm /077`), "");
  });

  it("says that docker is not running, and deploys when it runs again", async () => {
    await killEngine(own.host);
    const { status, stderr } = await deploy(own.host, own.request());
    await startEngine(own.host);
    assert.equal(status, 1);
    assert.match(stderr, /docker: .*(connect|daemon).*; start it on the host/i);
    await own.green();
  });

  it("changes nothing when the registry dies in the middle of a pull", async () => {
    const serving = await own.green();
    const page = `three-${process.pid}`;
    const fresh = await pushImages(own.lab, [page], 40);
    const release = own.next();
    const broken = shop({ ...own.images, ...fresh }, release.id, {
      page,
      conf: `conf ${own.numberOfLast()}`,
    });
    const downloaded = async () => Number(await own.sh("du -sk /var/lib/docker/tmp | cut -f 1"));
    const before = await downloaded();
    // A trickle: the layer takes much longer than it takes to see that it is on its way.
    await slowDown(own.lab.registry.container, 0.02);
    const running = deploy(own.host, requestFor(own.lab, broken));
    try {
      await until("a download", async () => (await downloaded()) > before + 512);
      assert.ok((await downloaded()) < before + 36 * 1024, "it is in the middle of the layer");
    } finally {
      await stopRegistry(own.lab);
      await slowDown(own.lab.registry.container, 0);
      await running;
      await startRegistry(own.lab);
    }
    const { status, stderr } = await running;
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^pull registry:5000\/host-test@sha256:\S+: /m);
    assert.match(stderr, new RegExp(`release r${serving} serves, untouched\n$`));
    assert.equal(await served(own.host, "/conf"), `conf ${serving}`);
    assert.deepEqual((await look(own.host)).drift, []);
    await own.green();
  });

  it("keeps the releases that were proved last even if its clock is set back", async () => {
    await own.green({ keepReleases: 2 });
    await own.sh(
      'printf \'#!/bin/sh\\nexec /usr/bin/date -d "2 years ago" "$@"\\n\' >/usr/local/bin/date && chmod 755 /usr/local/bin/date',
    );
    const [old, last] = [await own.green({ keepReleases: 2 }), await own.green({ keepReleases: 2 })];
    await own.sh("rm /usr/local/bin/date");
    assert.equal(await own.sh(`ls ${FOLDER}/shop/releases`), `r${old}\nr${last}`);
    const lines = (await own.ledger()).slice(-2);
    assert.ok(
      lines.every(
        ({ outcome, seconds }) =>
          outcome === "deployed" && Object.values<number>(seconds).every((s) => s >= 0),
      ),
    );
    await own.green();
  });

  it("puts the previous release back when the engine dies while containers are being replaced", async () => {
    const serving = await own.green();
    const slow = requestFor(own.lab, own.next({ sick: true, retries: 1000 }), { healthTimeout: 15 });
    using connection = await Connection.open(own.host);
    const running = connection.run(deploymentProgram(slow));
    // Not while docker starts a container: killed then, it may lose track of the port (moby/libnetwork#1790).
    const isUp = ({ service, health }: { service: string; health?: string }) =>
      service === "web" && health === "starting";
    await until("a container that starts", async () => (await look(own.host)).containers.some(isUp));
    await killEngine(own.host);
    await sleep(500);
    await startEngine(own.host);
    const { status, stderr } = await running;
    assert.equal(status, 1, stderr);
    assert.equal(await served(own.host, "/conf"), `conf ${serving}`);
    await own.green();
  });
});

/** Gives a container's processes so much of one processor; 0 ends the limit. */
const slowDown = (container: string, cpus: number) => docker(["update", "--cpus", `${cpus}`, container]);
