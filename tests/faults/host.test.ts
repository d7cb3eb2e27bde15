import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { deployStdin, historyStdin, unlockStdin } from "../../core/host/program";
import type { DeployRequest, Release } from "../../core/host/types";
import { docker } from "../../lab/docker";
import { engine, exec, killEngine, startEngine, startRegistry, stopRegistry } from "../../lab/faults";
import type { Lab, LabHost } from "../../lab/lab";
import { eventually } from "../../lab/poll";
import { countSteps, deployDisturbed, installStepper, restartEngine } from "./support/kill";
import { ownLab } from "./support/own-lab";
import { deploy, type Images, look, measured, pushImages, requestFor, served, shop } from "./support/shop";
import { Connection, runOn } from "./support/ssh";

const FOLDER = "/home/deploy/.everfresh";
/** `npm run test:faults` goes through more of it. */
const thorough = Number(process.env.EVERFRESH_KILLS ?? 0) > 100;

/** Waits a quarter of a minute for what happens on a host. */
const until = (what: string, condition: () => Promise<boolean>) => eventually(what, condition, 15_000);

describe("a host in trouble", function () {
  this.timeout(600_000);
  let lab: Lab;
  let host: LabHost;
  let images: Images;
  let number = 0;

  ownLab("trouble", async (ready) => {
    lab = ready;
    host = lab.hosts[0]!;
    images = await pushImages(lab, ["one", "two", "api"]);
    // A broken download is tried again five times, which takes a minute.
    await onHost(`sed -i 's/{ /&"max-download-attempts": 1, /' /etc/docker/*.json`);
    await restartEngine(host);
  });

  /** A release of its own each time; the page tells which one serves. */
  const next = (options: Partial<Parameters<typeof shop>[2]> = {}) => {
    number += 1;
    return shop(images, `r${number}`, {
      page: number % 2 ? "one" : "two",
      conf: `conf ${number}`,
      ...options,
    });
  };
  const request = (overrides: Parameters<typeof requestFor>[2] = {}) => requestFor(lab, next(), overrides);
  const green = async (overrides = {}) => {
    const { status, stderr } = await deploy(host, request(overrides));
    assert.equal(status, 0, stderr);
    assert.equal(await served(host, "/conf"), `conf ${number}`);
    return number;
  };
  const ledger = async () =>
    (await runOn(host, historyStdin({ project: "shop" }))).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  const onHost = (script: string) => exec(host, ["sh", "-c", script]);

  it("takes eight deployers with four releases one after the other, and remembers all", async () => {
    await green();
    const before = (await ledger()).length;
    const releases = [next(), next(), next(), next()];
    const runs = await Promise.all(
      [...releases, ...releases].map((release, index) =>
        deploy(
          host,
          requestFor(lab, release, { token: `deployer ${index}`, who: `deployer-${index}`, lockWait: 280 }),
        ),
      ),
    );
    for (const { status, stderr } of runs) assert.equal(status, 0, stderr);
    assert.ok(
      runs.some(({ stderr }) =>
        /^waiting for deployer-\d on test-machine \(release r\d+, since .*\)$/m.test(stderr),
      ),
    );
    const lines = (await ledger()).slice(before);
    assert.deepEqual(
      lines.map(({ who }) => who).sort(),
      runs.map((_, index) => `deployer-${index}`),
    );
    const state = await look(host);
    assert.deepEqual(state.drift, []);
    const last = lines.at(-1);
    assert.equal(state.current?.id, last.release);
    assert.equal(state.token, `deployer ${last.who.slice(-1)}`);
    assert.equal(await served(host, "/conf"), `conf ${last.release.slice(1)}`);
  });

  it("tells a deployer that cannot wait any longer who is at work, and ends with 3", async () => {
    await green();
    const slow = requestFor(lab, next({ sick: true, retries: 1000 }), { who: "ann", healthTimeout: 60 });
    using connection = await Connection.open(host);
    const running = connection.run(deployStdin(slow));
    await until(
      "a deployment",
      async () => (await look(host)).holder !== undefined && (await look(host)).unfinished !== undefined,
    );
    const state = await look(host);
    assert.deepEqual(state.drift, [`deployment of r${number} is under way`]);
    assert.match(state.notes.join(), /ann on test-machine is deploying/);
    const { status, stderr } = await deploy(host, { ...slow, who: "bob", lockWait: 1 });
    assert.equal(status, 3);
    assert.match(
      stderr,
      /shop: ann on test-machine \(release r\d+, since \S+\) is deploying here; try again/,
    );

    const unlocked = await runOn(host, unlockStdin({ project: "shop" }, 30));
    assert.equal(unlocked.status, 0, unlocked.stderr);
    const ended = await running;
    assert.equal(ended.status, 1, ended.stderr);
    assert.match(ended.stderr, /the deployment was told to stop\nrelease r\d+ serves again\n$/);
    assert.equal(await served(host, "/conf"), `conf ${number - 1}`);
  });

  it("frees the lock from what a killed deployment left running", async () => {
    await exec(
      host,
      ["sh", "-c", `exec 9>>${FOLDER}/shop/lock && flock 9 && exec sleep 300 >/dev/null 2>&1 </dev/null &`],
      { user: "deploy" },
    );
    await until("a lock that is held", async () => (await look(host)).holder !== undefined);
    const { status } = await runOn(host, unlockStdin({ project: "shop" }, 1));
    assert.equal(status, 0);
    assert.equal((await look(host)).holder, undefined);
  });

  it("says what is wrong before anything moves, all of it at once", async () => {
    const serving = await green();
    await engine(host, "run", "-d", "--name", "squatter", "-p", "8085:80", images.api!); // the host has it: every release does
    const { status, stderr } = await deploy(
      host,
      requestFor(lab, {
        ...next({ port: 8085 }),
        compose: next({ port: 8085 }).compose.replace("init:", "inti:"),
      }),
    );
    await engine(host, "rm", "-f", "squatter");
    assert.equal(status, 1);
    assert.match(stderr, /port 8085: taken by container squatter; stop that or publish another port/);
    assert.match(stderr, /compose file: .*inti/);
    assert.match(stderr, new RegExp(`release r${serving} serves, untouched\n$`));
    assert.equal(await served(host, "/conf"), `conf ${serving}`);
    assert.deepEqual((await look(host)).drift, []);
  });

  it("keeps the registry's password out of the processes, the files and the engine's memory of it", async () => {
    const password = lab.registry.password;
    await onHost("docker image prune -af >/dev/null");
    const sampling = onHost(
      "end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do ps axww -o args; done",
    );
    await green();
    const samples = await sampling;
    assert.match(samples, /docker .*pull/, "the pull was seen");
    assert.ok(!samples.includes(password));
    assert.equal(
      await exec(host, ["grep", "-rlFf", "-", "/home/deploy", "/tmp"], { input: password }).catch(() => ""),
      "",
    );
    assert.equal(await onHost(`find ${FOLDER} -maxdepth 1 -perm /077`), "");
  });

  it("ends with a clear line when docker does not run, and is green when it runs again", async () => {
    await killEngine(host);
    const { status, stderr } = await deploy(host, request());
    await startEngine(host);
    assert.equal(status, 1);
    assert.match(stderr, /docker: .*(connect|daemon).*; start it on the host/i);
    await green();
  });

  it("leaves all as it was when the registry dies in the middle of the pull", async () => {
    const serving = await green();
    const page = `three-${process.pid}`;
    const fresh = await pushImages(lab, [page], 40);
    const release = next();
    const broken = shop({ ...images, ...fresh }, release.id, { page, conf: `conf ${number}` });
    const downloaded = async () => Number(await onHost("du -sk /var/lib/docker/tmp | cut -f 1"));
    const before = await downloaded();
    // A trickle: the layer takes much longer than it takes to see that it is on its way.
    await slowDown(lab.registry.container, 0.02);
    const running = deploy(host, requestFor(lab, broken));
    try {
      await until("a download", async () => (await downloaded()) > before + 512);
      assert.ok((await downloaded()) < before + 36 * 1024, "it is in the middle of the layer");
    } finally {
      await stopRegistry(lab);
      await slowDown(lab.registry.container, 0);
      await running;
      await startRegistry(lab);
    }
    const { status, stderr } = await running;
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^pull registry:5000\/host-test@sha256:\S+: /m);
    assert.match(stderr, new RegExp(`release r${serving} serves, untouched\n$`));
    assert.equal(await served(host, "/conf"), `conf ${serving}`);
    assert.deepEqual((await look(host)).drift, []);
    await green();
  });

  it("leaves all as it was when the engine's disk is full while pulling", async () => {
    const serving = await green();
    const fresh = await pushImages(lab, [`five-${process.pid}`]);
    const release = shop({ ...images, five: fresh[`five-${process.pid}`]! }, next().id, {
      page: "five",
      conf: `conf ${number}`,
    });
    await onHost("mount -t tmpfs -o nr_inodes=1 tmpfs /var/lib/docker/tmp");
    const { status, stderr } = await deploy(host, requestFor(lab, release));
    await onHost("umount /var/lib/docker/tmp");
    assert.equal(status, 1);
    assert.match(stderr, /pull registry.*no space left on device/);
    assert.equal(await served(host, "/conf"), `conf ${serving}`);
    await green();
  });

  it("does not mind a clock that was set back", async () => {
    await green({ keepReleases: 2 });
    await onHost(
      'printf \'#!/bin/sh\\nexec /usr/bin/date -d "2 years ago" "$@"\\n\' >/usr/local/bin/date && chmod 755 /usr/local/bin/date',
    );
    const [old, last] = [await green({ keepReleases: 2 }), await green({ keepReleases: 2 })];
    await onHost("rm /usr/local/bin/date");
    assert.equal(await onHost(`ls ${FOLDER}/shop/releases`), `r${old}\nr${last}`);
    const lines = (await ledger()).slice(-2);
    assert.ok(
      lines.every(
        ({ outcome, seconds }) =>
          outcome === "deployed" && Object.values<number>(seconds).every((s) => s >= 0),
      ),
    );
    await green();
  });

  it("puts back what served when the engine dies while containers are being replaced", async () => {
    const serving = await green();
    const slow = requestFor(lab, next({ sick: true, retries: 1000 }), { healthTimeout: 15 });
    using connection = await Connection.open(host);
    const running = connection.run(deployStdin(slow));
    // Not while docker starts a container: killed then, it may lose track of the port (moby/libnetwork#1790).
    const isUp = ({ service, health }: { service: string; health?: string }) =>
      service === "web" && health === "starting";
    await until("a container that starts", async () => (await look(host)).containers.some(isUp));
    await killEngine(host);
    await sleep(500);
    await startEngine(host);
    const { status, stderr } = await running;
    assert.equal(status, 1, stderr);
    assert.equal(await served(host, "/conf"), `conf ${serving}`);
    await green();
  });

  describe("with a full disk", () => {
    const fill = () => exec(host, ["sh", "-c", `cat /dev/zero >${FOLDER}/ballast 2>/dev/null || true`]);
    const free = () => exec(host, ["rm", "-f", `${FOLDER}/ballast`]);

    before(async () => {
      await onHost(
        `docker rm -f $(docker ps -aq) >/dev/null; rm -rf ${FOLDER} && mkdir -m 700 ${FOLDER} && mount -t tmpfs -o size=16m tmpfs ${FOLDER} && chown deploy:deploy ${FOLDER} && chmod 700 ${FOLDER}`,
      );
      await installStepper(host);
    });
    after(() => onHost(`umount ${FOLDER}`));

    it("refuses beforehand, and is green when there is room again", async () => {
      const serving = await green();
      await fill();
      const { status, stderr } = await deploy(host, request());
      await free();
      assert.equal(status, 1);
      assert.match(stderr, /free some space/);
      assert.equal(await served(host, "/conf"), `conf ${serving}`);
      assert.deepEqual((await look(host)).drift, []);
      await green();
    });

    it("survives a disk that fills up at any step: the old or the new release, and green afterwards", async () => {
      const steps = await countSteps(host, request());
      const parts = [0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.88, 0.94, 0.99];
      for (const step of thorough
        ? parts.map((part) => Math.max(2, Math.round(part * steps)))
        : ["tar -xpomf *", "docker compose * up *", "ln -s *"]) {
        const serving = number;
        const { status, stderr } = await deployDisturbed(host, request(), step, fill);
        const now = await served(host, "/conf");
        await free();
        assert.equal(
          now,
          `conf ${status === 0 ? number : serving}`,
          `step ${step} of ${steps}, status ${status}: ${stderr}`,
        );
        assert.ok(status === 0 || status === 1, `step ${step} of ${steps}: ${status}, ${stderr}`);
        if (status === 1) assert.match(stderr, /free some space|no space left/i);
        await green();
        assert.deepEqual((await look(host)).drift, []);
      }
    });
  });

  describe("with little room for images", () => {
    /** The whole of the engine's disk. */
    const MEGABYTES = 200;
    const pages = ["big-1", "big-2", "big-3"].map((name) => `${name}-${process.pid}`);
    let big: Images;
    let release: (page: number, options?: Parameters<typeof requestFor>[2]) => Promise<DeployRequest>;
    const leave = (megabytes: number) =>
      onHost(
        `cd /var/lib/docker && rm -f ballast && free=$(df -Pm . | awk 'NR == 2 { print $4 }') && head -c $((free - ${megabytes}))M /dev/zero >ballast`,
      );

    before(async () => {
      await onHost(`docker rm -f $(docker ps -aq) >/dev/null; rm -rf ${FOLDER}`);
      await killEngine(host);
      await onHost(`mount -t tmpfs -o size=${MEGABYTES}m tmpfs /var/lib/docker`);
      await startEngine(host);
      big = { ...images, ...(await pushImages(lab, pages, 20)) };
      release = async (page, options) => {
        const next = shop(big, `big${page}`, { page: pages[page - 1]!, conf: `big ${page}` });
        return requestFor(lab, await measured(lab, next), options);
      };
    });

    it("remembers how much it pulled: the layers that the host had not, as they travel", async () => {
      for (const page of [1, 2]) {
        const { status, stderr } = await deploy(host, await release(page));
        assert.equal(status, 0, stderr);
      }
      const [first, second] = await ledger();
      const sizeOf = (layers = "") => layers.split(" ").map((layer) => Number(layer.split("=")[1]));
      const { release: told } = await release(2);
      const [web] = (told as Release).services;
      const [tools, ...own] = sizeOf(web!.layers);
      assert.equal(
        second.pulled,
        own.reduce((sum, bytes) => sum + bytes, 0),
      );
      assert.ok(second.pulled > 20e6 && second.pulled < 21.5e6, `${second.pulled}`);
      assert.ok(first.pulled > second.pulled + tools!);
    });

    it("makes room first, of releases that are not kept", async () => {
      await leave(60); // 20 MB want 70; an old image gives 20
      const { status, stderr } = await deploy(host, await release(3, { keepReleases: 1 }));
      assert.equal(status, 0, stderr);
      assert.match(stderr, /pruned 1 old releases, \d+ MB of images[\s\S]*\npull web$/m);
      assert.equal(await served(host, "/conf"), "big 3");
    });

    it("refuses what there is no room for before anything moves, and is green when there is", async () => {
      await leave(50);
      const { status, stderr } = await deploy(host, await release(1));
      assert.equal(status, 1);
      assert.match(
        stderr,
        /^disk: \d\d MB free under \/var\/lib\/docker, about 7\d MB wanted for the images; free some space$/m,
      );
      assert.doesNotMatch(stderr, /^pull /m);
      assert.match(stderr, /release big3 serves, untouched\n$/);
      assert.equal(await served(host, "/conf"), "big 3");
      // What the host has already needs no room.
      const again = await release(3, { keepReleases: 1 });
      const same = await deploy(host, { ...again, release: { ...(again.release as Release), id: "big4" } });
      assert.equal(same.status, 0, same.stderr);
      await leave(90);
      const green = await deploy(host, await release(1));
      assert.equal(green.status, 0, green.stderr);
    });
  });
});

/** Gives a container's processes so much of one processor; 0 ends the limit. */
const slowDown = (container: string, cpus: number) => docker(["update", "--cpus", `${cpus}`, container]);
