import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { withTools } from "../../lab/pulumi/environment";
import { checkout, Machine } from "./setup-support/machine";

describe("set-up", function () {
  this.timeout(600_000);

  it("does nothing when everything is there, and says so", async () => {
    await using machine = await Machine.create();
    assert.deepEqual(await machine.setUp(), {
      status: 0,
      stdout: "setup: everything is there (Pulumi: official 3.259.0)\n",
      stderr: "",
    });
  });

  const engineDown = "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; exit 1";
  const refusals: {
    what: string;
    arrange: (machine: Machine) => Promise<unknown>;
    environment?: NodeJS.ProcessEnv;
    says: RegExp;
  }[] = [
    {
      what: "node is too old",
      arrange: (machine) => machine.play("node", "echo v18.20.4"),
      says: /^node: v18\.20\.4 is too old; install Node\.js 20\.19 or newer$/,
    },
    {
      what: "the user has no access to the engine",
      arrange: (machine) =>
        machine.play(
          "docker",
          "echo 'permission denied while trying to connect to the Docker daemon' >&2; exit 1",
        ),
      says: /^docker: you have no access to its engine; run `sudo usermod -aG docker \S+`, log in again, and run this again$/,
    },
    {
      what: "another machine's engine does not answer",
      arrange: (machine) => machine.play("docker", engineDown),
      environment: { DOCKER_HOST: "tcp://build.example:2375" },
      says: /^docker: the engine at tcp:\/\/build\.example:2375 does not answer; start it, or choose another \(.*\)$/,
    },
    {
      what: "the engine runs but does not answer",
      arrange: async (machine) => {
        await machine.play("docker", engineDown);
        await machine.play("dockerd", "exit 1");
        await machine.play("pidof", "echo 77");
      },
      says: /^docker: its engine runs \(process 77\) but does not answer; look at its log, and restart it$/,
    },
    {
      what: "Docker is missing and cannot be installed on this system",
      arrange: async (machine) => {
        await machine.lack("docker");
        await machine.play("uname", "echo Darwin");
      },
      says: /^docker: not installed, and set-up can install it on Debian 12 or newer and Ubuntu only; install Docker .*$/,
    },
    {
      what: "Docker's engine does not answer on a system other than Linux",
      arrange: async (machine) => {
        await machine.play("docker", engineDown);
        await machine.play("uname", "echo Darwin");
      },
      says: /^docker: its engine does not answer; start Docker and run this again$/,
    },
    {
      what: "PULUMI_BUNDLE names a file that does not exist",
      arrange: async () => {},
      environment: { PULUMI_BUNDLE: "/nowhere.tar.xz" },
      says: /^PULUMI_BUNDLE: \/nowhere\.tar\.xz cannot be read; name an archive, or unset it$/,
    },
    {
      what: "the official Pulumi is required and cannot be downloaded",
      arrange: (machine) => machine.lack("pulumi"),
      environment: { EVERFRESH_PULUMI: "official", PULUMI_RELEASES: "http://127.0.0.1:9" },
      says: /^pulumi: not on PATH, no offline bundle, and the official release cannot be downloaded \(.*\); install Pulumi .*, or set PULUMI_BUNDLE to an offline bundle$/,
    },
    {
      what: "EVERFRESH_PULUMI is misspelled",
      arrange: async () => {},
      environment: { EVERFRESH_PULUMI: "stand-ins" },
      says: /^EVERFRESH_PULUMI: stand-ins is not a choice; set it to official or standins, or unset it$/,
    },
    {
      what: "there is no Pulumi, and no Go to build its engine with",
      arrange: (machine) => machine.lack("pulumi"),
      environment: { PULUMI_RELEASES: "http://127.0.0.1:9" },
      says: /^go: is not on PATH, and is needed to build the Pulumi engine; .*, or install Pulumi 3\.208 or newer \(.*\), or set PULUMI_BUNDLE to an offline bundle$/,
    },
    {
      what: "Go is too old to fetch a newer one itself",
      arrange: (machine) => machine.play("go", "echo go version go1.19.8 linux/amd64"),
      environment: { EVERFRESH_PULUMI: "standins" },
      says: /^go: 1\.19\.8 is too old, and the Pulumi engine needs 1\.26\.6; .*, or install Pulumi .*$/,
    },
    {
      what: "Go is too old and must not fetch a newer one",
      arrange: (machine) => machine.play("go", "echo go version go1.26.5 linux/amd64"),
      environment: { EVERFRESH_PULUMI: "standins", GOTOOLCHAIN: "local" },
      says: /^go: 1\.26\.5 is too old, the Pulumi engine needs 1\.26\.6, and GOTOOLCHAIN=local forbids fetching it; unset GOTOOLCHAIN and run this again, or .*$/,
    },
    {
      what: "the newer Go cannot be fetched",
      arrange: (machine) =>
        machine.play(
          "go",
          '[ "${GOTOOLCHAIN:-}" != go1.26.6 ] || { echo "go: no such host" >&2; exit 1; }; echo go version go1.24.4 linux/amd64',
        ),
      environment: { EVERFRESH_PULUMI: "standins" },
      says: /^go: 1\.24\.4 is too old, and Go 1\.26\.6, which the Pulumi engine needs, cannot be fetched \(go: no such host\); .*$/,
    },
    {
      what: "Go's module proxy does not answer",
      arrange: (machine) =>
        machine.play(
          "go",
          'case $1 in version) echo go version go1.26.6 linux/amd64 ;; *) echo "go: no such host" >&2; exit 1 ;; esac',
        ),
      environment: { EVERFRESH_PULUMI: "standins" },
      says: /^pulumi: the Go module proxy does not answer \(go: no such host\); check `go env GOPROXY` and the network, or install .*$/,
    },
    {
      what: "the download of the engine's modules stalls",
      arrange: async (machine) => {
        await machine.play("sleep", "");
        await machine.play("du", "echo 1");
        await machine.play(
          "go",
          'case "$1 $2" in version*) echo go version go1.26.6 linux/amd64 ;; "list -mod"*) while :; do :; done ;; esac',
        );
      },
      environment: { EVERFRESH_PULUMI: "standins" },
      says: /^pulumi: the engine's modules cannot be downloaded \(no data for 60 s\); run this again to resume, or install .*$/,
    },
    {
      what: "the engine does not compile",
      arrange: (machine) =>
        machine.play(
          "go",
          'case $1 in version) echo go version go1.26.6 linux/amd64 ;; list) echo a ;; build) echo "no space left on device" >&2; exit 1 ;; esac',
        ),
      environment: { EVERFRESH_PULUMI: "standins" },
      says: /^pulumi: the engine cannot be built \(no space left on device\); the whole output is in \/.*\/compile\.log$/,
    },
    {
      what: "the disk is full",
      arrange: async (machine) => {
        await machine.lack("pulumi");
        await machine.play("df", "echo; echo /dev/root 1000000 900000 102400 90% /");
      },
      says: /^setup: only 100 MB are free on .*, and 1000 MB are needed; make room$/,
    },
  ];
  const installs = /^ID=(debian|ubuntu)$/m.test(
    execFileSync("cat", ["/etc/os-release"], { encoding: "utf8" }),
  );
  if (installs)
    refusals.push({
      what: "the user is not root and there is no sudo",
      arrange: async (machine) => {
        await machine.lack("docker");
        await machine.play("id", "echo 1000");
      },
      says: /^setup: installing docker needs root, and there is no sudo; run this as root, or install it yourself$/,
    });
  for (const { what, arrange, environment, says } of refusals) {
    it(`says what to do in one line when ${what}`, async () => {
      await using machine = await Machine.create();
      await arrange(machine);
      const { status, stderr } = await machine.setUp(environment);
      assert.equal(status, 1);
      assert.match(stderr.replace(/\n$/, ""), says);
    });
  }

  if (installs)
    for (const why of ["sudo: a password is required", "ann is not in the sudoers file."])
      it(`shows why sudo refuses (${why})`, async () => {
        await using machine = await Machine.create();
        await machine.lack("docker");
        await machine.play("id", "echo 1000");
        await machine.play("sudo", `echo '${why}' >&2; exit 1`);
        const { status, stderr } = await machine.setUp();
        assert.equal(status, 1);
        assert.match(stderr, /^docker: apt-get failed; fix this and run it again/);
        assert.ok(stderr.endsWith(`:\n${why}\n`), stderr);
      });

  it("fails when a package of a lab host cannot be installed, and says which", async () => {
    await using machine = await Machine.create();
    for (const tool of ["shellcheck", "busybox", "dash", "zsh", "fish", "git", "ps", "ssh"])
      await machine.play(tool, "exit 0");
    await machine.play(
      "docker",
      [
        'case "$*" in',
        '"compose version --short") echo 2.26.1 ;;',
        '*--target=newest*) echo "#9 4.2 E: Unable to locate package docker-buildx" >&2; exit 1 ;;',
        "esac",
      ].join("\n"),
    );
    const { status, stdout, stderr } = await machine.run([machine.bin("sh"), "scripts/setup", "--for-tests"]);
    assert.equal(status, 1);
    assert.match(stdout, /^setup: lab: building the images of its hosts \(engines: stable newest\)$/m);
    assert.match(
      stderr,
      /^lab: engine newest \(.*\): its image cannot be built: E: Unable to locate package docker-buildx; fix this/m,
    );
    assert.doesNotMatch(stdout, /done/);
  });

  it("rejects unknown arguments", async () => {
    await using machine = await Machine.create();
    const { status, stderr } = await machine.run([machine.bin("sh"), "scripts/setup", "--fast"]);
    assert.equal(status, 1);
    assert.equal(stderr, "setup: unknown arguments: --fast; it takes --for-tests or nothing\n");
  });

  it("is written in clean POSIX shell, as are the lab's scripts", () => {
    const scripts = ["scripts/setup", "scripts/env", "scripts/lib/make-base-image"];
    const ofLab = ["machine", "suite", "build-compose"].map((file) => `lab/image/${file}`);
    const parts = readdirSync(path.join(checkout, "scripts/lib")).filter((file) => file.endsWith(".sh"));
    execFileSync(
      "shellcheck",
      [
        "--external-sources",
        "--source-path=.",
        ...scripts,
        ...ofLab,
        ...parts.map((file) => `scripts/lib/${file}`),
      ],
      { cwd: checkout, encoding: "utf8", stdio: "pipe" },
    );
  });

  it("gives programs the same PATH as shells", () => {
    const shell = execFileSync("sh", ["-c", '. ./scripts/env; printf %s "$PATH"'], {
      cwd: checkout,
      encoding: "utf8",
    });
    assert.equal(withTools().PATH, shell);
  });
});
