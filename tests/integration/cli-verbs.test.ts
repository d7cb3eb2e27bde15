import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { RunningContainer, RunningReport } from "../../cli/explain-running";
import type { StatusReport } from "../../cli/status";
import type { ChecksReport, SearchedContainer, SearchReport } from "../../cli/verify";
import { docker } from "../../lab/docker";
import { engine, exec } from "../../lab/faults";
import type { Lab } from "../../lab/lab";
import { eventually } from "../../lab/poll";
import { withTools } from "../../lab/pulumi/environment";
import { lab as sharedLab } from "../support/lab";
import { checkout, TestStack } from "../support/stack";

interface Answer {
  status: number;
  stdout: string;
  stderr: string;
}

describe("everfresh", function () {
  this.timeout(600_000);
  let lab: Lab;
  let stack: TestStack;

  before(async () => {
    lab = await sharedLab();
    stack = await TestStack.create(lab);
    const check = "x-everfresh: { verify: { command: [test, '!', -e, /tmp/broken] } }";
    const known = await stack.read("compose.yaml");
    await stack.write("compose.yaml", known.replace("build: cache\n", `build: cache\n    ${check}\n`));
  });
  after(() => stack?.[Symbol.asyncDispose]());

  const configuration = () => path.join(stack.folder, `Pulumi.${stack.name}.yaml`);

  /** Runs the command line in a folder that is neither the checkout nor the application's. */
  function everfresh(...args: string[]): Promise<Answer> {
    const child = start(...args);
    const answer = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name].on("data", (data) => {
        answer[name] += data;
      });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status) => resolve({ status: status ?? -1, ...answer }));
    });
  }

  function start(...args: string[]) {
    const [verb = "", ...rest] = args;
    const environment = {
      ...withTools(),
      PULUMI_BACKEND_URL: `file://${path.join(stack.folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "test",
    };
    return spawn(
      path.join(checkout, "cli/everfresh.js"),
      [verb, "--stack", stack.name, "--config-file", configuration(), ...rest],
      { cwd: os.tmpdir(), env: environment, stdio: ["ignore", "pipe", "pipe"] },
    );
  }

  async function must<T>(...args: string[]): Promise<T> {
    const { status, stdout, stderr } = await everfresh(...args);
    assert.equal(status, 0, `everfresh ${args.join(" ")}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as T;
  }

  const report = async (answer: Promise<Answer>) => {
    const { status, stdout, stderr } = await answer;
    assert.notEqual(stdout, "", stderr);
    const parsed = JSON.parse(stdout) as StatusReport;
    const host = parsed.hosts[stack.host.name]!;
    assert.ok("services" in host, stdout);
    return { status, healthy: parsed.healthy, upToDate: parsed.upToDate, host };
  };

  /** The containers that were searched, and what was found in each. */
  const search = async (contains: string, place: string, ...more: string[]) => {
    const asked = ["verify", ...more, "--contains", contains, "--in", place];
    const { status, stdout, stderr } = await everfresh(...asked, "--json");
    assert.notEqual(stdout, "", stderr);
    const { containers } = (JSON.parse(stdout) as SearchReport).hosts[stack.host.name] as {
      containers: SearchedContainer[];
    };
    return { status, containers };
  };

  let first: string;
  let second: string;

  it("reports this machine, the registry and the host as ready", async () => {
    const { findings } = JSON.parse((await everfresh("doctor", "--json")).stdout) as {
      findings: { what: string; problems: string[] }[];
    };
    const problems = findings.flatMap(({ problems }) => problems);
    // The lab's hosts have neither, which matters to http checks only.
    assert.deepEqual(
      problems.filter((text) => !/neither curl nor wget/.test(text)),
      [],
    );
    assert.ok(findings.some(({ what }) => what === "registry"));
    assert.ok(findings.some(({ what }) => what === stack.host.name));
  });

  it("reports before the first deployment that nothing is deployed", async () => {
    const { status, healthy, host } = await report(everfresh("status", "--json"));
    assert.deepEqual(
      { status, healthy, drift: host.drift },
      { status: 1, healthy: false, drift: ["nothing is deployed"] },
    );
  });

  it("builds and pushes without touching a host", async () => {
    const { images } = await must<{ images: Record<string, unknown> }>("build-only", "--yes", "--json");
    assert.deepEqual(Object.keys(images).sort(), ["api", "cache", "web"]);
    assert.deepEqual(await stack.containers(), {});
  });

  it("deploys, and prints the release that it deployed", async () => {
    first = (await must<{ release: string }>("deploy", "--yes", "--json")).release;
    assert.equal(await stack.page(), "<h1>first</h1>");
  });

  it("reports who deployed what, and that it is healthy and up to date", async () => {
    const { status, healthy, upToDate, host } = await report(
      everfresh("status", "--json", "--expect-current"),
    );
    assert.deepEqual({ status, healthy, upToDate }, { status: 0, healthy: true, upToDate: true });
    assert.equal(host.release, first);
    assert.equal(host.who, os.userInfo().username);
    const running = await stack.containers();
    for (const { service, container, expected, running: digest, proved } of host.services) {
      assert.equal(container, running[service]!.id);
      assert.equal(digest, running[service]!.digest);
      assert.equal(expected, digest);
      assert.equal(proved, true, service);
    }
  });

  it("reports which services differ from the working tree, and why", async () => {
    await stack.write("web/index.html", "<h1>second</h1>\n");
    const { status, healthy, upToDate, host } = await report(everfresh("status", "--json"));
    assert.deepEqual({ status, healthy, upToDate }, { status: 0, healthy: true, upToDate: false });
    const differing = host.services.filter((service) => service.upToDate === false);
    assert.deepEqual(
      differing.map(({ service, cause }) => [service, cause]),
      [["web", "1 file (index.html)"]],
    );
    assert.equal((await everfresh("status", "--expect-current")).status, 1);
  });

  it("explains what a container runs: which sources differ, what was changed inside, what is mounted over it", async () => {
    const explain = async (service: string) => {
      const { hosts } = await must<RunningReport>("explain", service, "--running", "--json");
      const { containers } = hosts[stack.host.name] as { containers: RunningContainer[] };
      assert.equal(containers.length, 1);
      return containers[0]!;
    };
    await stack.inContainer("web", "sh", "-c", "echo x >/www/extra; rm /bin/false; echo y >>/www/index.html");
    const { container, upToDate, cause, changes, mounts } = await explain("web");
    assert.equal(container, (await stack.containers()).web!.id);
    assert.deepEqual(
      { upToDate, cause, mounts },
      { upToDate: false, cause: "1 file (index.html)", mounts: [] },
    );
    assert.deepEqual(changes, [
      { path: "/bin/false", change: "deleted" },
      { path: "/www/extra", change: "added" },
      { path: "/www/index.html", change: "changed" },
    ]);
    const api = await explain("api");
    assert.deepEqual([api.upToDate, api.changes], [true, []]);
    assert.deepEqual(
      api.mounts.map(({ path, type }) => [path, type]),
      [
        ["/etc/api.conf", "bind"],
        ["/run/secrets/token", "bind"],
      ],
    );
  });

  it("explains the content hash that is deployed next", async () => {
    const { content, files } = await must<{ content: string; files: { path: string }[] }>(
      "explain",
      "web",
      "--json",
    );
    assert.ok(files.some(({ path }) => path === "index.html"));
    const deployed = await must<{ release: string; images: Record<string, { content: string }> }>(
      "deploy",
      "--yes",
      "--json",
    );
    second = deployed.release;
    assert.equal(deployed.images.web!.content, content);
    assert.equal(await stack.page(), "<h1>second</h1>");
  });

  it("finds a text in the container that runs", async () => {
    const { status, containers } = await search("second</h1>\n", "/www", "web");
    const { id, digest } = (await stack.containers()).web!;
    assert.deepEqual(
      containers.map(({ startedAt, ...rest }) => ({ ...rest, startedAt: typeof startedAt })),
      [
        {
          service: "web",
          container: id,
          running: digest,
          startedAt: "string",
          health: "healthy",
          result: "found",
          count: 1,
          matching: 1,
          files: [{ path: "/www/index.html", count: 1 }],
        },
      ],
    );
    assert.equal(status, 0);
  });

  it("does not find what only an earlier release had, and says where the path does not exist", async () => {
    const { status, containers } = await search("first", "/www/index.html");
    assert.deepEqual(
      containers.map(({ service, result }) => [service, result]),
      [
        ["api", "no such path"],
        ["cache", "no such path"],
        ["web", "not found"],
      ],
    );
    assert.equal(status, 1);
  });

  it("finds what is in a tmpfs, behind a link that leads somewhere else on the host", async () => {
    const write = `ln -s /dev/./shm /tmp/shm; echo 'a $(id) "b"' >/dev/shm/note`;
    await stack.inContainer("cache", "sh", "-c", write);
    const { status, containers } = await search('$(id) "b"', "/tmp/shm");
    assert.equal(status, 0);
    assert.deepEqual(containers.find(({ service }) => service === "cache")!.result, "found");
  });

  it("makes the release's checks again", async () => {
    const checks = async () => {
      const { status, stdout } = await everfresh("verify", "--json");
      return { status, hosts: (JSON.parse(stdout) as ChecksReport).hosts };
    };
    const check = { service: "cache", check: "command test" };
    assert.deepEqual(await checks(), {
      status: 0,
      hosts: { [stack.host.name]: { release: second, checks: [{ ...check, passed: true }] } },
    });
    await stack.inContainer("cache", "touch", "/tmp/broken");
    const container = (await stack.containers()).cache!.id;
    const broken = "command test exited with status 1";
    assert.deepEqual(await checks(), {
      status: 1,
      hosts: {
        [stack.host.name]: {
          release: second,
          checks: [{ ...check, passed: false, problem: broken, container }],
        },
      },
    });
    await stack.inContainer("cache", "rm", "/tmp/broken");
  });

  it("reports drift", async () => {
    await engine(stack.host, "stop", "-t", "0", (await stack.containers()).cache!.id);
    const { status, healthy, host } = await report(everfresh("status", "--json"));
    assert.deepEqual({ status, healthy }, { status: 1, healthy: false });
    assert.match(host.drift.join(), /^cache is exited/);
    assert.equal(host.services.find(({ service }) => service === "cache")!.proved, false);
  });

  it("rolls back to the previous release and pins the stack to it, even if the stack promotes", async () => {
    await stack.configure({ promoteFrom: "staging" });
    const { release } = await must<{ release: string }>("rollback", "--yes", "--json");
    assert.equal(release, first);
    assert.equal(await stack.page(), "<h1>first</h1>");
    const refused = await everfresh("deploy", "--yes");
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, new RegExp(`^everfresh:release: the stack is pinned to release ${first}`));
    assert.equal(await stack.page(), "<h1>first</h1>");
  });

  it("marks the rollback in the history", async () => {
    const { hosts } = await must<{
      hosts: Record<string, { deployments: { release: string; outcome: string }[] }>;
    }>("history", "--json");
    assert.deepEqual(
      hosts[stack.host.name]!.deployments.map(({ release, outcome }) => [release, outcome]),
      [
        [first, "deployed"],
        [second, "deployed"],
        [first, "deployed"],
      ],
    );
    assert.match((await everfresh("history")).stdout, /deployed \(rollback\)/);
  });

  it("leaves the configuration unchanged when a rollback is refused", async () => {
    const before = await readFile(configuration(), "utf8");
    const refused = await everfresh("rollback", "nope", "--yes");
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /release nope: it never ran on host1; choose one of: /);
    assert.equal(await readFile(configuration(), "utf8"), before);
  });

  it("returns to the working tree", async () => {
    await stack.unset("promoteFrom");
    await must("rollback", "--clear", "--yes", "--json");
    assert.equal(await stack.page(), "<h1>second</h1>");
    assert.doesNotMatch(await readFile(configuration(), "utf8"), /everfresh:release/);
  });

  it("shows a service's log", async () => {
    await stack.inContainer("web", "sh", "-c", "echo hello from the web >/proc/1/fd/1");
    assert.match(
      (await everfresh("logs", "web", "--tail", "1")).stdout,
      /^web \| \S+Z hello from the web\n$/,
    );
    const { status, stderr } = await everfresh("logs", "nope");
    assert.equal(status, 2);
    assert.match(stderr, /^nope: no host has any log output of it/);
  });

  it("follows a service's log, and leaves nothing running on the host", async () => {
    const child = start("logs", "web", "--follow", "--tail", "1");
    let printed = "";
    child.stdout.on("data", (data) => {
      printed += data;
    });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    await eventually("its last line is shown", async () =>
      /^web \| \S+Z hello from the web\n$/.test(printed),
    );
    assert.match(await followers(), /docker logs/);
    const restart = "docker restart -t 0 $0 && docker exec $0 sh -c 'echo again >/proc/1/fd/1'";
    await exec(stack.host, ["sh", "-c", restart, (await stack.containers()).web!.id]);
    await eventually("what it writes next is shown", async () => /^web \| \S+Z again$/m.test(printed));
    child.kill("SIGINT");
    assert.equal(await ended, 0);
    await eventually("the host has ended it", async () => (await followers()) === "");
  });

  /** What runs on the host for somebody who follows logs there. */
  const followers = () =>
    exec(stack.host, [
      "sh",
      "-c",
      "ps -eo args= | grep -E '^docker logs|^(ba|da)?sh.*everfresh follow' | grep -v grep; :",
    ]);

  it("reports who holds a host's lock, and ends that deployment", async () => {
    const hold = [
      `cd ~/.everfresh/${stack.project} && exec 9>>lock && flock 9`,
      'printf "who eve\\nfrom ci\\nsince 2026-01-01T00:00:00Z\\nrelease other\\npid $$\\n" >holder',
      "sleep 300",
    ].join(" && ");
    await docker(["exec", "--detach", "--user", stack.host.user, stack.host.container, "sh", "-c", hold]);
    await eventually("the lock is seen", async () => {
      const { status, host } = await report(everfresh("status", "--json"));
      return status === 3 && host.deploying?.who === "eve";
    });
    const asked = await everfresh("unlock");
    assert.equal(asked.status, 2);
    assert.match(asked.stderr, /^--yes: is missing/);
    assert.equal((await everfresh("unlock", "--yes", "--wait", "1")).status, 0);
    assert.equal((await report(everfresh("status", "--json"))).status, 0);
  });

  it("exits with 1 when the old release had to be put back", async () => {
    await stack.write("web/index.html", "<h1>third</h1>\n");
    const dockerfile = await stack.read("web/Dockerfile");
    await stack.write("web/Dockerfile", `${dockerfile}\nENTRYPOINT ["false"]\n`);
    const { status, stdout } = await everfresh("deploy", "--yes", "--json");
    assert.equal(status, 1, stdout);
    assert.match(
      (JSON.parse(stdout) as { problems: string[] }).problems.join(),
      /^web: exited with status 1$/m,
    );
    assert.equal(await stack.page(), "<h1>second</h1>");
  });
});
