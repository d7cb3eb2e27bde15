import assert from "node:assert/strict";
import { once } from "node:events";
import { constants, existsSync } from "node:fs";
import { access, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { eventually } from "../../lab/poll";
import { Machine, plugins } from "./setup-support/machine";

describe("set-up of the engine with the lab's stand-ins", function () {
  this.timeout(600_000);

  /** A Go that records its arguments, and builds an engine that only prints its version. */
  const go = (log: string) =>
    [
      `echo "$*" >>${log}`,
      "case $1 in",
      "version) echo go version go1.26.6 linux/amd64 ;;",
      'list) echo "go: downloading a" >&2; echo b; echo c ;;',
      'build) shift; while [ "$1" != -o ]; do shift; done',
      'printf \'#!/bin/sh\\necho v3.274.1 "$PULUMI_HOME"\\n\' >"$2"; chmod 755 "$2" ;;',
      "esac",
    ].join("\n");
  const offline = { PULUMI_RELEASES: "http://127.0.0.1:9" };
  const end = "(Pulumi: engine 3.274.1 with the lab's stand-ins)";

  async function bareMachine(): Promise<Machine & AsyncDisposable> {
    const machine = await Machine.create();
    await machine.lack("pulumi");
    await machine.play("go", go(path.join(machine.folder, "go.log")));
    return machine;
  }
  const asked = async (machine: Machine) =>
    (await readFile(path.join(machine.folder, "go.log"), "utf8")).trim().split("\n");

  it("builds the pinned engine when nothing else is available, and reports its progress", async () => {
    await using machine = await bareMachine();
    const { status, stdout, stderr } = await machine.setUp(offline);
    assert.equal(status, 0, stderr);
    const steps = stdout.trim().split("\n");
    assert.match(
      steps[1]!,
      /^setup: pulumi: not on PATH, no offline bundle, and .* cannot be downloaded \(.*\); using its engine with the lab's stand-ins instead, which is enough for the demo and the tests$/,
    );
    assert.deepEqual(
      [...steps.slice(2, 4), steps.at(-1)],
      [
        "setup: pulumi: downloading the engine's modules (Go module proxy)",
        "setup: pulumi: compiling the engine (some minutes)",
        `setup: done ${end}`,
      ],
    );
    const build = (await asked(machine)).find((line) => line.startsWith("build"))!;
    assert.match(build, /-X github\.com\/pulumi\/pulumi\/sdk\/v3\/go\/common\/version\.Version=v3\.274\.1 /);
    assert.match(build, / github\.com\/pulumi\/pulumi\/pkg\/v3\/cmd\/pulumi$/);
  });

  it("gives the engine a PULUMI_HOME with the stand-ins, and leaves nothing else behind", async () => {
    await using machine = await bareMachine();
    assert.equal((await machine.setUp(offline)).status, 0);
    const { stdout } = await machine.run([machine.bin("sh"), "-c", ". ./scripts/env; pulumi version"]);
    const [version, home] = stdout.trim().split(" ");
    assert.equal(version, "v3.274.1");
    for (const plugin of plugins)
      await access(path.join(machine.plugin(plugin, home), `pulumi-resource-${plugin}`), constants.X_OK);
    await access(path.join(home!, "bin/pulumi-language-nodejs"), constants.X_OK);
    const [store] = await readdir(path.join(machine.home, ".cache/everfresh"));
    assert.deepEqual((await readdir(path.join(machine.home, ".cache/everfresh", store!))).sort(), [
      "lock",
      "pulumi",
    ]);
  });

  it("finds everything the next time without asking the network", async () => {
    await using machine = await bareMachine();
    assert.equal((await machine.setUp(offline)).status, 0);
    const before = await asked(machine);
    await machine.lack("curl");
    const { stdout } = await machine.setUp(offline);
    assert.equal(stdout, `setup: everything is there ${end}\n`);
    assert.deepEqual(await asked(machine), before);
  });

  it("reuses the engine that another checkout has built", async () => {
    await using machine = await bareMachine();
    assert.equal((await machine.setUp(offline)).status, 0);
    await rm(path.join(machine.root, ".everfresh"), { recursive: true });
    await machine.lack("go");
    const { status, stdout, stderr } = await machine.setUp(offline);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /setup: done \(Pulumi: engine 3\.274\.1 with the lab's stand-ins\)\n$/);
  });

  it("keeps the engine in the checkout when the user has no home folder for a cache", async () => {
    await using machine = await bareMachine();
    const { status, stderr } = await machine.setUp({ ...offline, HOME: undefined });
    assert.equal(status, 0, stderr);
    assert.ok(existsSync(path.join(machine.root, ".everfresh/engine")));
  });

  it("fetches a newer Go when the installed one is too old", async () => {
    await using machine = await bareMachine();
    const log = path.join(machine.folder, "go.log");
    await machine.play(
      "go",
      `if [ "$1" = version ]; then echo "go version go\${GOTOOLCHAIN#go} linux/amd64" | sed s/golocal/go1.24.4/; exit; fi\necho "$GOTOOLCHAIN" >>${log}\n${go(log)}`,
    );
    const { status, stdout, stderr } = await machine.setUp(offline);
    assert.equal(status, 0, stderr);
    assert.match(
      stdout,
      /^setup: pulumi: fetching Go 1\.26\.6 to build the engine \(installed: 1\.24\.4\)$/m,
    );
    assert.ok((await asked(machine)).includes("go1.26.6"));
  });

  it("removes its launcher once the official Pulumi is installed", async () => {
    await using machine = await bareMachine();
    assert.equal((await machine.setUp(offline)).status, 0);
    await machine.play("pulumi", "echo v3.259.0");
    const { stdout } = await machine.setUp(offline);
    assert.equal(stdout, "setup: everything is there (Pulumi: official 3.259.0)\n");
    assert.ok(!existsSync(path.join(machine.root, ".everfresh/bin/pulumi")));
  });

  it("chooses the engine although the official Pulumi is installed, if EVERFRESH_PULUMI says so", async () => {
    await using machine = await bareMachine();
    await machine.play("pulumi", "echo v3.259.0");
    const { stdout } = await machine.setUp({ EVERFRESH_PULUMI: "standins" });
    assert.ok(stdout.endsWith(`setup: done ${end}\n`), stdout);
    const { stdout: version } = await machine.run([
      machine.bin("sh"),
      "-c",
      ". ./scripts/env; pulumi version",
    ]);
    assert.match(version, /^v3\.274\.1 /);
  });

  it("stops the build at once when interrupted, and resumes it later", async () => {
    await using machine = await bareMachine();
    const pidFile = path.join(machine.folder, "go.pid");
    await machine.play(
      "go",
      `case "$1 $2" in version*) echo go version go1.26.6 linux/amd64 ;; "list -mod"*) echo $$ >${pidFile}; exec sleep 600 ;; esac`,
    );
    const running = machine.start([machine.bin("sh"), "scripts/setup"], offline);
    const pid = Number(
      await eventually("a build", async () => (await readFile(pidFile, "utf8")).trim() || undefined),
    );
    running.kill("SIGINT");
    assert.equal((await once(running, "exit"))[0], 130);
    await eventually("the end of go", async () => !existsSync(`/proc/${pid}`));
    await machine.play("go", go(path.join(machine.folder, "go.log")));
    assert.equal((await machine.setUp(offline)).status, 0);
  });
});
