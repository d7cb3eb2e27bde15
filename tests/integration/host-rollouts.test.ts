import assert from "node:assert/strict";
import { defaultEngine } from "../../lab/engines";
import { engine } from "../../lab/faults";
import { eventually } from "../../lab/poll";
import { containersOf, look, requestFor } from "../faults/support/shop";
import { runOn } from "../faults/support/ssh";
import { engineFor } from "../support/lab";
import { deploymentProgram } from "../support/written-release";
import { client, ownProject, rolled, sh } from "./host-support/services";

const isTooOld = engineFor(defaultEngine).engine === "oldest";

describe("a rollout", function () {
  this.timeout(600_000);
  const shop = ownProject("rollouts");

  const sick = { healthcheck: { test: ["CMD", "false"], interval: "200ms", retries: 3 } };
  const pinnedClient = client("$$where");
  const answers = async () => [...new Set((await shop.inState("cat /state/answers")).split("\n"))];
  const web1 = async () => (await shop.containers()).web!;
  const names = async () =>
    (await engine(shop.host, "ps", "-a", "--format", "{{.Names}}")).split("\n").filter(Boolean).sort();

  const slowToBeHealthy = { test: ["CMD", "test", "-e", "/never"], interval: "1s", retries: 60 };

  if (isTooOld) {
    it("recreates a service where compose is too old to start it first, and says so", async () => {
      await shop.deployed({ web: rolled("one"), client: client() });
      const { stderr } = await shop.deployed({ web: rolled("two"), client: client() });
      assert.match(
        stderr,
        /\nweb: this host's docker compose is too old to start it first; it is recreated\n/,
      );
      assert.deepEqual(await names(), ["shop-client-1", "shop-web-1"]);
      assert.match((await look(shop.host)).compose!, /^2\.17\./);
      await shop.hasNoDrift();
    });
    return;
  }

  it("starts the new container beside the old one, which is removed once the new one is in use", async () => {
    await shop.deployed({ web: rolled("one"), client: client() });
    const { stderr } = await shop.deployed({ web: rolled("two"), client: client() });
    assert.match(stderr, /web: starting a new container beside the old one\n/);
    assert.match(stderr, /web: the new container is ready and in use\nweb: the old container leaves\n/);
    assert.doesNotMatch(stderr, /recreate web/);
    assert.deepEqual(await names(), ["shop-client-1", "shop-web-2"]);
    await shop.hasNoDrift();
    const { web: after } = await shop.containers();
    await shop.sh(
      "cd /home/deploy/.everfresh/shop && docker compose -p shop --project-directory $PWD -f current/compose.yaml up -d",
    );
    assert.deepEqual((await shop.containers()).web, after, "compose would have made it otherwise");
  });

  it("leaves the old container as it is if the new one does not become healthy", async () => {
    await shop.deployed({ web: rolled("one"), client: client() });
    const before = await shop.containers();
    const said = await shop.fails({ web: rolled("two", sick), client: client() });
    assert.match(said, /\nweb: is unhealthy\n[\s\S]*serves/);
    assert.deepEqual(await shop.containers(), before);
    assert.deepEqual(await names(), ["shop-client-1", "shop-web-1"]);
    await shop.hasNoDrift();
  });

  it("leaves the old container as it is if everybody still connects to it alone", async () => {
    await shop.deployed({ web: rolled("one"), client: pinnedClient });
    const before = await web1();
    const release = { web: rolled("two"), client: pinnedClient };
    const said = await shop.fails(release, { healthTimeout: 5 });
    assert.match(
      said,
      /\nweb: nobody has connected to the new container in 5 s, only to the old one; make the proxy/,
    );
    assert.deepEqual(await web1(), before);
    await shop.deployed({ ...release, web: rolled("two", { rollout: { observe: false } }) });
    assert.notEqual((await web1()).id, before.id);
  });

  it("continues after a while if nobody connects to any container", async () => {
    await shop.deployed({ web: rolled("one") });
    const { stderr } = await shop.deployed({ web: rolled("two") });
    assert.match(stderr, /\nweb: nobody has connected to it in 10 s\n/);
    assert.deepEqual(await names(), ["shop-web-2"]);
  });

  it("replaces several containers one after the other", async () => {
    const three = { scale: 3, rollout: { observe: false } };
    await shop.deployed({ web: rolled("one", three) });
    // While it happens: the engine remembers its last 256 events only, and each healthcheck is three.
    const filters =
      "--filter label=com.docker.compose.service=web --filter event=start --filter event=die --format '{{.Action}}'";
    await shop.sh(
      `docker events --since $(date +%s.%N) ${filters} >/tmp/events 2>&1 & echo $! >/tmp/listener`,
    );
    await shop.deployed({ web: rolled("two", three) });
    assert.deepEqual(await names(), ["shop-web-4", "shop-web-5", "shop-web-6"]);
    const events = await shop.sh("kill $(cat /tmp/listener); cat /tmp/events");
    assert.deepEqual(events.split("\n"), ["start", "die", "start", "die", "start", "die"]);
  });

  it("puts back services that were already replaced, new containers first, if another service fails", async () => {
    const other = { api: rolled("one"), web: rolled("one"), client: client() };
    await shop.deployed(other);
    const said = await shop.fails({
      ...other,
      web: rolled("two"),
      api: rolled("two", { ...sick, depends_on: { web: { condition: "service_started" } } }),
    });
    assert.match(
      said,
      /the old container leaves[\s\S]*putting back[\s\S]*web: starting the previous version beside/,
    );
    assert.deepEqual(await names(), ["shop-api-1", "shop-client-1", "shop-web-3"]);
    assert.deepEqual(await answers(), ["one", "two"]);
    await shop.hasNoDrift();
  });

  it("runs the drain command in the old container before that is stopped", async () => {
    const slow = {
      command: sh(
        `trap 'test ! -e /draining || echo drained >>/state/seen; exit 0' TERM; httpd -p 80 -h /www; while :; do sleep 0.1; done`,
      ),
      volumes: ["state:/state"],
      rollout: { observe: false, drain: { command: ["busybox", "touch", "/draining"], seconds: 1 } },
    };
    await shop.deployed({ web: rolled("one", slow) });
    await shop.deployed({ web: rolled("two", slow) });
    assert.match(await shop.inState("cat /state/seen"), /^drained$/m);
  });

  it("recreates a container that has data in an anonymous volume", async () => {
    const withData = { volumes: ["/data"] };
    await shop.deployed({ web: rolled("one", withData) });
    const { stderr } = await shop.deployed({ web: rolled("two", withData) });
    assert.match(stderr, /web: has data in an anonymous volume, so it is recreated, not started first\n/);
    // A preview says so before.
    assert.ok((await look(shop.host)).containers[0]!.hasAnonymousVolume);
    assert.deepEqual(await names(), ["shop-web-1"]);
  });

  it("recreates a container whose labels for Traefik change", async () => {
    const routed = (rule: string, more = {}) => ({
      labels: { "traefik.http.routers.web.rule": rule, ...more },
    });
    const unobserved = { rollout: { observe: false } };
    await shop.deployed({ web: rolled("one", { ...unobserved, ...routed("Host(`a`)") }) });
    await shop.deployed({ web: rolled("one", { ...unobserved, ...routed("Host(`a`)", { other: "1" }) }) });
    assert.deepEqual(await names(), ["shop-web-2"]);
    const { stderr } = await shop.deployed({ web: rolled("one", { ...unobserved, ...routed("Host(`b`)") }) });
    assert.match(
      stderr,
      /web: its labels for Traefik change, and Traefik drops .* differently; it is recreated/,
    );
    assert.deepEqual(await names(), ["shop-web-2"]);
    await shop.hasNoDrift();
  });

  it("that was killed is continued by the next deployment, whatever its release", async () => {
    for (const next of ["two", "one", "api"]) {
      await shop.deployed({ web: rolled("one"), client: client() });
      const running = runOn(
        shop.host,
        deploymentProgram(
          requestFor(
            shop.lab,
            shop.release({ web: rolled("two", { healthcheck: slowToBeHealthy }), client: client() }),
          ),
        ),
      );
      await eventually("two containers", async () => (await containersOf(shop.host)).length === 3);
      await shop.sh("pkill -KILL -u deploy -f everfresh");
      await running;
      await shop.deployed({ web: rolled(next), client: client() });
      assert.equal((await names()).length, 2);
      assert.ok(!(await answers()).includes("no answer"));
      await shop.hasNoDrift();
    }
  });
});
