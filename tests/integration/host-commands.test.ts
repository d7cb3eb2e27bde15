import assert from "node:assert/strict";
import type { ReleaseCommand } from "../../core/host/types";
import { engine } from "../../lab/faults";
import { eventually } from "../../lab/poll";
import { deploy, requestFor } from "../faults/support/shop";
import { runOn } from "../faults/support/ssh";
import { deploymentProgram, type WrittenRelease } from "../support/written-release";
import { cannotStart, ownProject, sh, web } from "./host-support/services";

/** A command that notes lines in the volume `state`. */
const noting = (script: string, more: Partial<ReleaseCommand> = {}): ReleaseCommand => ({
  command: sh(`{ ${script}; } >>/state/runs`),
  exec: false,
  seconds: 60,
  ...more,
});

describe("commands before and after a release", function () {
  this.timeout(600_000);
  const shop = ownProject("commands");

  const page = "cat /www/index.html";
  const answer = "wget -q -T 2 -O - http://web/ || echo nobody";
  const all = async () =>
    (await engine(shop.host, "ps", "-a", "--format", "{{.Names}}")).split("\n").sort().join();
  const again = (release: WrittenRelease, overrides = {}) =>
    deploy(shop.host, requestFor(shop.lab, release, overrides));
  const succeeds = async (release: WrittenRelease) => {
    const { status, stderr } = await again(release);
    assert.equal(status, 0, stderr);
    return stderr;
  };

  it("run the release's image while the old containers serve, once for each release", async () => {
    const old = shop.release({ web: web("one") });
    await succeeds(old);
    const next = shop.release({
      web: web("two", { before: noting(`${page}; ${answer}`), after: noting(answer) }),
    });
    const said = await succeeds(next);
    assert.match(
      said,
      /\nweb: before: sh -c .* runs \(at most 60 s\)\n[\s\S]*recreate web\n[\s\S]*web: after: sh/,
    );
    const expected = ["two", "one", "two"];
    assert.deepEqual(await shop.runs(), expected);
    assert.equal(await all(), "shop-web-1");

    await succeeds(next);
    await succeeds(old);
    await succeeds(next);
    assert.deepEqual(await shop.runs(), expected);
    await shop.hasNoDrift();
  });

  it("leave everything as it was if one fails before", async () => {
    await shop.deployed({ web: web("one") });
    const before = await shop.containers();
    const broken = { command: sh("echo no such table; exit 3"), exec: false, seconds: 60 };
    const said = await shop.fails({ web: web("two", { before: broken }), api: web("api", { ports: [] }) });
    assert.match(
      said,
      /\nweb: before: sh -c echo no such table; exit 3 exited with status 3\n( {2}\| .*\n)* {2}\| no such table\n/,
    );
    assert.match(said, /\nrelease r\d+ serves, untouched\n$/);
    assert.deepEqual(await shop.containers(), before);
    assert.equal(await all(), "shop-web-1");
    await shop.hasNoDrift();
  });

  it("end at their time limit", async () => {
    await shop.deployed({ web: web("one") });
    const endless = { command: ["sleep", "100000"], exec: false, seconds: 1 };
    assert.match(
      await shop.fails({ web: web("two", { before: endless }) }),
      /\nweb: before: sleep 100000 has not ended in 1 s\n/,
    );
    assert.equal(await all(), "shop-web-1");
  });

  it("wait for what their service needs at a first deployment", async () => {
    const services = {
      api: web("api", { ports: [] }),
      web: web("one", {
        depends_on: { api: { condition: "service_healthy" } },
        before: noting(`wget -q -O - http://api/; ${answer}`),
      }),
    };
    await shop.deployed(services);
    assert.deepEqual(await shop.runs(), ["api", "nobody"]);
  });

  it("leave nothing behind if one fails at a first deployment", async () => {
    const broken = { command: ["false"], exec: false, seconds: 60 };
    const said = await shop.fails({ web: web("one", { before: broken }) });
    assert.match(said, /\nweb: before: false exited with status 1\n/);
    assert.equal(await all(), "");
  });

  it("run in a running container if told to: before in an old one, after in a new one", async () => {
    const commands = { before: noting(page, { exec: true }), after: noting(page, { exec: true }) };
    await shop.deployed({ web: web("one", commands) });
    assert.deepEqual(await shop.runs(), ["one"], "there was no old container");
    await shop.deployed({ web: web("two", commands) });
    assert.deepEqual(await shop.runs(), ["one", "one", "two"]);
  });

  it("fail the deployment but keep the proved release if one fails after it, and run again with the next deployment", async () => {
    await shop.deployed({ web: web("one") });
    const release = shop.release({
      web: web("two", { after: noting("echo after; test -e /state/ok || exit 1") }),
    });
    const { status, stdout, stderr } = await again(release);
    assert.equal(status, 1, stderr);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /\nweb: after: sh -c .* exited with status 1\nrelease r\d+ has been proved and stays; `pulumi up` runs the command again\n$/,
    );
    await shop.hasNoDrift();
    const before = await shop.containers();
    await shop.inState("touch /state/ok");
    await succeeds(release);
    assert.deepEqual(await shop.containers(), before);
    assert.deepEqual(await shop.runs(), ["after", "after"]);
  });

  it("do not run when a release is put back", async () => {
    await shop.deployed({ web: web("one", { before: noting("echo one"), after: noting("echo proved") }) });
    await shop.fails({ web: web("two", { before: noting("echo two") }), api: cannotStart });
    assert.deepEqual(await shop.runs(), ["one", "proved", "two"]);
  });

  it("run again if the deployment was killed meanwhile, but never two at once", async () => {
    await shop.deployed({ web: web("one") });
    const release = shop.release({
      web: web("two", { before: noting("echo begins; sleep 3; echo ends") }),
    });
    const running = runOn(shop.host, deploymentProgram(requestFor(shop.lab, release)));
    await eventually("the command", async () => /begins/.test(await shop.inState("cat /state/runs")));
    await shop.sh("pkill -KILL -u deploy -f everfresh");
    await running;
    await succeeds(release);
    // The first one was stopped, because nobody watched it any more.
    assert.deepEqual(await shop.runs(), ["begins", "begins", "ends"]);
    assert.equal(await all(), "shop-web-1");
  });
});
