import assert from "node:assert/strict";
import { historyProgram } from "../../core/host/requests";
import { engine, exec, restartHost } from "../../lab/faults";
import { eventually } from "../../lab/poll";
import { ownHost } from "../faults/support/own-host";
import { deploy, look, requestFor, served, shop } from "../faults/support/shop";
import { Connection, runOn } from "../faults/support/ssh";
import { newest } from "../support/lab";
import { deploymentProgram } from "../support/written-release";

const FOLDER = "/home/deploy/.everfresh/shop";
const WEB = "com.docker.compose.service=web";
/** As compose labels what it makes from the project's folder. */
const HERE = `com.docker.compose.project.working_dir=${FOLDER}`;

describe("drift on a host", function () {
  this.timeout(600_000);
  const own = ownHost("drift", ["one", "two", "api"], {
    engine: newest,
    ready: async () => {
      for (const first of [older("older"), request("first")]) {
        const { status, stderr } = await deploy(own.host, first);
        assert.equal(status, 0, stderr);
      }
    },
  });

  const release = () => shop(own.images, "r1", { page: "one", conf: "the file" });
  const request = (token: string) => requestFor(own.lab, release(), { token });
  /** Another release, another page. */
  const older = (token: string) =>
    requestFor(own.lab, shop(own.images, "r0", { page: "two", conf: "another file" }), { token });
  const byHand = (script: string) => exec(own.host, ["sh", "-c", script], { user: "deploy" });
  const idOf = (service: string) =>
    engine(own.host, "ps", "-q", "--filter", `label=com.docker.compose.service=${service}`);

  const kinds: { name: string; make: () => Promise<unknown>; drift: RegExp; touched: string[] }[] = [
    {
      name: "a removed container",
      make: async () => engine(own.host, "rm", "-f", await idOf("web")),
      drift: /^web is missing$/,
      touched: ["web"],
    },
    {
      name: "a stopped container",
      make: async () => engine(own.host, "stop", "-t", "0", await idOf("web")),
      drift: /^web is exited with status \d+$/,
      touched: [],
    },
    {
      name: "a paused container",
      make: async () => engine(own.host, "pause", await idOf("api")),
      drift: /^api is paused$/,
      touched: [],
    },
    {
      name: "a container restarted from another image behind its labels",
      make: () =>
        byHand(`set -e; id=$(docker ps -q --filter label=${WEB}); docker pull -q ${own.images.two} >/dev/null 2>&1 || true
          label() { docker inspect -f "{{index .Config.Labels \\"$1\\"}}" $id; }
          hash=$(label com.docker.compose.config-hash); image=$(label com.docker.compose.image)
          docker rm -f $id; docker run -d --init --name shop-web-1 --label com.docker.compose.project=shop --label ${WEB} \
            --label com.docker.compose.oneoff=False --label com.docker.compose.container-number=1 \
            --label com.docker.compose.config-hash=$hash --label com.docker.compose.image=$image ${own.images.api}`),
      drift: /^web runs another image \(sha256:[0-9a-f]{12}, since .*\)$/,
      touched: ["web"],
    },
    {
      name: "a container restarted from an old image, with the old release's own compose file",
      make: () =>
        byHand(`cd ${FOLDER} && docker compose -p shop --project-directory . -f releases/r0/compose.yaml \
          up -d --no-deps web 2>/dev/null`),
      drift: /^web runs another image \(sha256:[0-9a-f]{12}, since .*\)$/,
      touched: ["web"],
    },
    {
      name: "one container more, of an old image",
      make: () =>
        byHand(`docker run -d --init --label com.docker.compose.project=shop --label ${WEB} --label ${HERE} \
          --label com.docker.compose.oneoff=False --label com.docker.compose.container-number=2 ${own.images.two}`),
      drift: /^web has 2 containers instead of 1$/,
      touched: [],
    },
    {
      name: "a project edited by hand",
      make: () =>
        byHand(`cd ${FOLDER} && sed 's/echo api started/echo by hand/' current/compose.yaml >/tmp/edited.yaml &&
          docker compose -p shop --project-directory . -f /tmp/edited.yaml up -d api 2>/dev/null`),
      drift: /^api was started with another configuration \(.*\)$/,
      touched: ["api"],
    },
    {
      name: "a service that is not the release's",
      make: () =>
        engine(
          own.host,
          "run",
          "--init",
          "-d",
          "--name",
          "shop-debug-1",
          "--label",
          "com.docker.compose.project=shop",
          "--label",
          "com.docker.compose.service=debug",
          "--label",
          HERE,
          "--label",
          "com.docker.compose.oneoff=False",
          "--label",
          "com.docker.compose.container-number=1",
          own.images.api!,
        ),
      drift: /^debug is not part of the release$/,
      touched: [],
    },
    {
      name: "a mounted file edited on the host",
      make: () =>
        byHand(`f=$(ls -d ${FOLDER}/current/files/*)/site.conf && chmod u+w $f && echo changed >$f`),
      drift: /^web\/site\.conf was changed on the host$/,
      touched: ["web"],
    },
    {
      name: "a mounted file removed on the host",
      make: () => byHand(`rm ${FOLDER}/current/files/*/site.conf`),
      drift: /^web\/site\.conf was changed on the host$/,
      touched: ["web"],
    },
    {
      name: "an edited compose file of the release",
      make: () => byHand(`echo '# edited' >>${FOLDER}/current/compose.yaml`),
      drift: /^compose\.yaml was changed on the host$/,
      touched: [],
    },
    {
      name: "a removed folder",
      make: () => byHand(`rm -rf ${FOLDER}`),
      drift: /^nothing is deployed$/,
      touched: [],
    },
    {
      name: "a host that was made anew",
      make: () =>
        byHand(
          `docker rm -f $(docker ps -aq) >/dev/null; docker image prune -af >/dev/null; rm -rf ${FOLDER}`,
        ),
      drift: /^nothing is deployed$/,
      touched: ["api", "web"],
    },
  ];

  const seen = new Set<string>(["first"]);
  for (const { name, make, drift, touched } of kinds) {
    it(`is named and repaired once, and then gone: ${name}`, async () => {
      const before = { web: await idOf("web"), api: await idOf("api") };
      await make();
      const found = await look(own.host);
      assert.equal(found.drift.length, 1, found.drift.join());
      assert.match(found.drift[0]!, drift);
      assert.equal((await look(own.host)).token, found.token, "preview and up say the same");
      assert.ok(!seen.has(found.token), "the token is new");
      seen.add(found.token);

      const { status, stderr } = await deploy(own.host, request(found.token));
      assert.equal(status, 0, stderr);
      const after = await look(own.host);
      assert.deepEqual([after.drift, after.token], [[], found.token]);
      assert.equal(await served(own.host), "one");
      assert.equal(await served(own.host, "/conf"), "the file");
      const changed = (["api", "web"] as const).filter(
        (service) => !after.containers.some(({ id }) => id.startsWith(before[service])),
      );
      assert.deepEqual(changed, touched);
      assert.deepEqual(after.containers.map(({ service }) => service).sort(), ["api", "web"]);
    });
  }

  it("is named and repaired once, and then gone: a deployment that a crash left half-finished", async () => {
    const half = requestFor(
      own.lab,
      shop(own.images, "r2", { page: "two", conf: "new", sick: true, retries: 1000 }),
      { token: "half", healthTimeout: 60 },
    );
    using connection = await Connection.open(own.host);
    const running = connection.run(deploymentProgram(half));
    await eventually("the half-made release", async () =>
      (await look(own.host)).containers.some(
        ({ service, health }) => service === "web" && health === "starting",
      ),
    );
    await exec(own.host, ["pkill", "-KILL", "-f", "everfresh [d]eploy"]);
    await running;
    await eventually("the lock", async () => (await look(own.host)).holder === undefined);

    const found = await look(own.host);
    assert.match(found.drift[0]!, /^deployment of r2 by tester was cut off \(20\d\d-.*Z\)$/);
    assert.match(found.drift[1]!, /^web runs another image/);
    assert.equal(found.drift.length, 2, found.drift.join());
    assert.equal((await look(own.host)).token, found.token, "preview and up say the same");
    const { status, stderr } = await deploy(own.host, request(found.token));
    assert.equal(status, 0, stderr);
    const after = await look(own.host);
    assert.deepEqual([after.drift, after.token, after.current?.id], [[], found.token, "r1"]);
    assert.equal(await served(own.host), "one");
    assert.equal(await served(own.host, "/conf"), "the file");
    const lines = (await runOn(own.host, historyProgram({ project: "shop" }))).stdout.trim().split("\n");
    assert.equal(JSON.parse(lines.at(-2)!).outcome, "cut off");
  });

  it("is not reported after a reboot if the containers came back", async () => {
    await restartHost(own.host);
    let state = await look(own.host);
    for (let attempt = 0; attempt < 50 && state.drift.length > 0; attempt++) state = await look(own.host);
    assert.deepEqual(state.drift, []);
  });

  it("does not include a container that becomes unhealthy: that is a note, and nothing is deployed", async () => {
    await engine(own.host, "exec", await idOf("web"), "sh", "-c", "rm /www/index.html");
    let state = await look(own.host);
    for (let attempt = 0; attempt < 50 && state.notes.length === 0; attempt++) state = await look(own.host);
    assert.deepEqual([state.drift, state.notes], [[], ["web is unhealthy"]]);
  });
});
