import assert from "node:assert/strict";
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { constants, existsSync, readdirSync } from "node:fs";
import {
  access,
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { type DockerError, docker } from "../../lab/docker";
import { nestedEngineOptions } from "../../lab/image";
import { eventually } from "../../lab/poll";
import { pulumiInUse } from "../../lab/pulumi/in-use";
import { DemoStack } from "../../scripts/demo/stack";
import { withTools } from "../../scripts/environment";
import { lentPulumi } from "../support/lent-pulumi";

const checkout = path.join(__dirname, "..", "..");
const plugins = ["command", "docker", "random"] as const;

interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/** A checkout on a machine whose commands are just those named here, some of them played by scripts. */
class Machine {
  readonly root: string;
  readonly home: string;

  private constructor(readonly folder: string) {
    this.root = path.join(folder, "main");
    this.home = path.join(folder, "home");
  }

  /** Everything is there, and none of it is real: no command of these tests reaches the machine's own Docker. */
  static async create(): Promise<Machine> {
    const machine = new Machine(await mkdtemp(path.join(os.tmpdir(), "everfresh-setup-")));
    await mkdir(path.join(machine.folder, "bin"));
    await mkdir(machine.root);
    await mkdir(path.join(machine.home, ".pulumi", "plugins"), { recursive: true });
    for (const file of ["scripts", "lab", "package.json", "package-lock.json", "node_modules"])
      await symlink(path.join(checkout, file), path.join(machine.root, file));
    for (const tool of [
      ..."awk cat chmod cksum cp curl cut df dirname du flock grep gzip id ln mkdir mv node".split(" "),
      ..."readlink rm sed sh sha256sum sleep tail tar timeout tr uname wc xz".split(" "),
    ])
      await symlink(
        execFileSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).trim(),
        machine.bin(tool),
      );
    await machine.play("docker", 'case "$*" in "compose version --short") echo 2.26.1 ;; esac');
    await machine.play("pulumi", "echo v3.259.0");
    await machine.play("pulumi-language-nodejs", "exit 1");
    for (const plugin of plugins) await mkdir(machine.plugin(plugin));
    return machine;
  }

  bin(tool: string): string {
    return path.join(this.folder, "bin", tool);
  }

  plugin(name: (typeof plugins)[number], home = path.join(this.home, ".pulumi")): string {
    const { dependencies } = require(path.join(checkout, "package.json"));
    return path.join(home, "plugins", `resource-${name}-v${dependencies[`@pulumi/${name}`]}`);
  }

  /** Lets a script play a command. */
  async play(tool: string, script: string): Promise<void> {
    await this.lack(tool);
    await writeFile(this.bin(tool), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  async lack(tool: string): Promise<void> {
    await rm(this.bin(tool), { force: true });
  }

  run(command: string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    const env = { PATH: path.join(this.folder, "bin"), HOME: this.home, ...environment };
    return new Promise((resolve) => {
      execFile(command[0]!, command.slice(1), { cwd: this.root, env }, (error, stdout, stderr) =>
        resolve({ status: typeof error?.code === "number" ? error.code : error ? -1 : 0, stdout, stderr }),
      );
    });
  }

  /** Starts a command, and does not wait for it. */
  start(command: string[], environment: NodeJS.ProcessEnv): ChildProcess {
    const env = { PATH: path.join(this.folder, "bin"), HOME: this.home, ...environment };
    return spawn(command[0]!, command.slice(1), { cwd: this.root, env, stdio: "ignore" });
  }

  setUp(environment?: NodeJS.ProcessEnv): Promise<Outcome> {
    return this.run([this.bin("sh"), "scripts/setup"], environment);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

describe("set-up", function () {
  this.timeout(600_000);

  it("does nothing, and says so, when everything is there", async () => {
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
      what: "one may not talk to the engine",
      arrange: (machine) =>
        machine.play(
          "docker",
          "echo 'permission denied while trying to connect to the Docker daemon' >&2; exit 1",
        ),
      says: /^docker: you may not talk to its engine; run `sudo usermod -aG docker \S+`, log in again, and run this again$/,
    },
    {
      what: "another machine's engine does not answer",
      arrange: (machine) => machine.play("docker", engineDown),
      environment: { DOCKER_HOST: "tcp://build.example:2375" },
      says: /^docker: the engine at tcp:\/\/build\.example:2375 does not answer; start it, or choose another \(.*\)$/,
    },
    {
      what: "an engine runs and is deaf",
      arrange: async (machine) => {
        await machine.play("docker", engineDown);
        await machine.play("dockerd", "exit 1");
        await machine.play("pidof", "echo 77");
      },
      says: /^docker: its engine runs \(process 77\) but does not answer; look at its log, and restart it$/,
    },
    {
      what: "Docker is missing on a system it cannot install it on",
      arrange: async (machine) => {
        await machine.lack("docker");
        await machine.play("uname", "echo Darwin");
      },
      says: /^docker: not installed, and set-up can install it on Debian 12 or newer and Ubuntu only; install Docker .*$/,
    },
    {
      what: "Docker's engine does not answer on such a system",
      arrange: async (machine) => {
        await machine.play("docker", engineDown);
        await machine.play("uname", "echo Darwin");
      },
      says: /^docker: its engine does not answer; start Docker and run this again$/,
    },
    {
      what: "PULUMI_BUNDLE names nothing",
      arrange: async () => {},
      environment: { PULUMI_BUNDLE: "/nowhere.tar.xz" },
      says: /^PULUMI_BUNDLE: \/nowhere\.tar\.xz cannot be read; name an archive, or unset it$/,
    },
    {
      what: "the official Pulumi has to be had and cannot be",
      arrange: (machine) => machine.lack("pulumi"),
      environment: { EVERFRESH_PULUMI: "official", PULUMI_RELEASES: "http://127.0.0.1:9" },
      says: /^pulumi: not on PATH, no offline bundle, and the official release cannot be downloaded \(.*\); install Pulumi .*, or let PULUMI_BUNDLE name an offline bundle$/,
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
      says: /^go: is not on PATH, and is needed to build the Pulumi engine; .*, or install Pulumi 3\.208 or newer \(.*\), or let PULUMI_BUNDLE name an offline bundle$/,
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
      what: "one is not root and there is no sudo",
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
      it(`shows why one may not become root (${why})`, async () => {
        await using machine = await Machine.create();
        await machine.lack("docker");
        await machine.play("id", "echo 1000");
        await machine.play("sudo", `echo '${why}' >&2; exit 1`);
        const { status, stderr } = await machine.setUp();
        assert.equal(status, 1);
        assert.match(stderr, /^docker: apt-get failed; mend this and run it again/);
        assert.ok(stderr.endsWith(`:\n${why}\n`), stderr);
      });

  it("ends where a lab host's packages cannot be had, and says which", async () => {
    await using machine = await Machine.create();
    for (const tool of ["shellcheck", "busybox", "dash", "git", "ps", "ssh"])
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
      /^lab: engine newest \(.*\): its image cannot be built: E: Unable to locate package docker-buildx; mend this/m,
    );
    assert.doesNotMatch(stdout, /done/);
  });

  it("refuses an argument that it does not know", async () => {
    await using machine = await Machine.create();
    const { status, stderr } = await machine.run([machine.bin("sh"), "scripts/setup", "--fast"]);
    assert.equal(status, 1);
    assert.equal(stderr, "setup: unknown arguments: --fast; it takes --for-tests or nothing\n");
  });

  describe("of Pulumi", () => {
    const found = async (machine: Machine) => {
      const { stdout } = await machine.run([
        machine.bin("sh"),
        "-c",
        ". ./scripts/env; pulumi version; pulumi home",
      ]);
      return stdout.trim().split("\n");
    };
    const cli = (version: string) =>
      `#!/bin/sh\ncase $1 in version) echo ${version} ;; home) echo "\${PULUMI_HOME:-none}" ;; esac\n` +
      '[ "$1" != plugin ] || mkdir -p "$PULUMI_HOME/plugins/resource-$4-v$5"\n';

    /** An archive as the release's (`pulumi/pulumi`) or the bundle's (`bin/pulumi`, `plugins/…`). */
    async function archive(machine: Machine, name: string, top: string, version: string): Promise<string> {
      const folder = path.join(machine.folder, "archive");
      await mkdir(path.join(folder, top), { recursive: true });
      await writeFile(path.join(folder, top, "pulumi"), cli(version), { mode: 0o755 });
      await writeFile(path.join(folder, top, "pulumi-language-nodejs"), "#!/bin/sh\n", { mode: 0o755 });
      for (const plugin of plugins) await mkdir(machine.plugin(plugin, folder), { recursive: true });
      const file = path.join(machine.folder, name);
      execFileSync("tar", ["-caf", file, "-C", folder, top, "plugins"]);
      return file;
    }

    it("passes an old one over, and takes one in ~/.pulumi that is new enough", async () => {
      await using machine = await Machine.create();
      await machine.play("pulumi", "echo v3.100.0");
      await mkdir(path.join(machine.home, ".pulumi", "bin"));
      await writeFile(path.join(machine.home, ".pulumi/bin/pulumi"), cli("v3.208.0"), { mode: 0o755 });
      assert.equal((await machine.setUp()).status, 0);
      assert.deepEqual(await found(machine), ["v3.208.0", "none"]);
    });

    it("unpacks the bundle that PULUMI_BUNDLE names into a PULUMI_HOME of its own", async () => {
      await using machine = await Machine.create();
      await machine.lack("pulumi");
      const bundle = await archive(machine, "bundle.tar.xz", "bin", "v3.300.0");
      const { status, stdout } = await machine.setUp({ PULUMI_BUNDLE: bundle });
      assert.equal(status, 0);
      assert.equal(
        stdout,
        `setup: pulumi: unpacking the offline bundle ${bundle}\nsetup: done (Pulumi: official 3.300.0)\n`,
      );
      const own = path.join(machine.root, ".everfresh/pulumi");
      assert.deepEqual(await found(machine), ["v3.300.0", own]);
      for (const plugin of plugins) assert.ok(existsSync(machine.plugin(plugin, own)), plugin);
      assert.equal((await machine.setUp()).stdout, "setup: everything is there (Pulumi: official 3.300.0)\n");
    });

    it("finds a bundle for this kind of machine in ../shared/toolchain", async () => {
      await using machine = await Machine.create();
      await machine.lack("pulumi");
      await mkdir(path.join(machine.folder, "shared/toolchain"), { recursive: true });
      await machine.play("uname", "case $1 in -m) echo riscv64 ;; *) echo Linux ;; esac");
      await archive(machine, "shared/toolchain/pulumi-1-linux-amd64.tar.xz", "bin", "v3.301.0");
      await archive(machine, "shared/toolchain/pulumi-1-linux-riscv64.tar.xz", "bin", "v3.302.0");
      assert.equal((await machine.setUp()).status, 0);
      assert.equal((await found(machine))[0], "v3.302.0");
    });

    it("refuses a bundle whose checksum is another than the one beside it, and leaves nothing of it", async () => {
      await using machine = await Machine.create();
      await machine.lack("pulumi");
      const bundle = await archive(machine, "bundle.tar.xz", "bin", "v3.300.0");
      await writeFile(path.join(machine.folder, "SHA256SUMS"), `${"0".repeat(64)}  bundle.tar.xz\n`);
      const { status, stderr } = await machine.setUp({ PULUMI_BUNDLE: bundle });
      assert.equal(status, 1);
      assert.equal(
        stderr,
        `pulumi: ${bundle} is not what SHA256SUMS beside it says; fetch the archive again\n`,
      );
      assert.ok(!existsSync(path.join(machine.root, ".everfresh/pulumi")));
    });

    it("adds the provider plugins that a CLI lacks from the bundle", async () => {
      await using machine = await Machine.create();
      await rm(machine.plugin("random"), { recursive: true });
      const bundle = await archive(machine, "bundle.tar.xz", "bin", "v3.300.0");
      assert.equal((await machine.setUp({ PULUMI_BUNDLE: bundle })).status, 0);
      assert.ok(existsSync(machine.plugin("random")));
    });

    for (const downloader of ["curl", "node"]) {
      it(`downloads the official release and its plugins (with ${downloader}) where there is no bundle`, async () => {
        await using machine = await Machine.create();
        await machine.lack("pulumi");
        if (downloader !== "curl") await machine.lack("curl");
        const bytes = await readFile(await archive(machine, "release.tar.gz", "pulumi", "v3.303.0"));
        let asked = "";
        await using server = await serve((url) => {
          asked = url;
          return bytes;
        });
        const { status, stderr } = await machine.setUp({ PULUMI_RELEASES: server.url });
        assert.equal(status, 0, stderr);
        const { version } = require(path.join(checkout, "node_modules/@pulumi/pulumi/package.json"));
        assert.match(asked, new RegExp(`^/pulumi-v${version}-linux-(x64|arm64)\\.tar\\.gz$`));
        const own = path.join(machine.root, ".everfresh/pulumi");
        assert.deepEqual(await found(machine), ["v3.303.0", own]);
        for (const plugin of plugins) assert.ok(existsSync(machine.plugin(plugin, own)), plugin);
      });
    }

    it("passes over a CLI that came without its language host", async () => {
      await using machine = await Machine.create();
      await machine.lack("pulumi-language-nodejs");
      const bundle = await archive(machine, "bundle.tar.xz", "bin", "v3.300.0");
      assert.equal((await machine.setUp({ PULUMI_BUNDLE: bundle })).status, 0);
      assert.equal((await found(machine))[0], "v3.300.0");
    });

    it("gives up a download from a server that never answers", async () => {
      await using machine = await Machine.create();
      await machine.lack("pulumi");
      await using server = await serve(() => undefined);
      const { status, stderr } = await machine.setUp({
        EVERFRESH_PULUMI: "official",
        PULUMI_RELEASES: server.url,
      });
      assert.equal(status, 1);
      assert.match(stderr, /the official release cannot be downloaded/);
    });

    it("removes its launcher once one on PATH will do", async () => {
      await using machine = await Machine.create();
      await mkdir(path.join(machine.root, ".everfresh/bin"), { recursive: true });
      await writeFile(path.join(machine.root, ".everfresh/bin/pulumi"), "exit 1");
      await chmod(path.join(machine.root, ".everfresh/bin/pulumi"), 0o755);
      const ours = `${path.join(machine.root, ".everfresh/bin")}:${path.join(machine.folder, "bin")}`;
      assert.equal((await machine.setUp({ PATH: ours })).status, 0);
      assert.ok(!existsSync(path.join(machine.root, ".everfresh/bin/pulumi")));
    });
  });

  describe("of the engine with the lab's stand-ins", () => {
    /** A Go that notes what it is asked for, and builds an engine that does nothing but tell its version. */
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

    it("builds the pinned engine where nothing else can be had, and says how far it is", async () => {
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
      assert.match(
        build,
        /-X github\.com\/pulumi\/pulumi\/sdk\/v3\/go\/common\/version\.Version=v3\.274\.1 /,
      );
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

    it("is all there the next time, without a question to any network", async () => {
      await using machine = await bareMachine();
      assert.equal((await machine.setUp(offline)).status, 0);
      const before = await asked(machine);
      await machine.lack("curl");
      const { stdout } = await machine.setUp(offline);
      assert.equal(stdout, `setup: everything is there ${end}\n`);
      assert.deepEqual(await asked(machine), before);
    });

    it("takes the engine that another checkout has built", async () => {
      await using machine = await bareMachine();
      assert.equal((await machine.setUp(offline)).status, 0);
      await rm(path.join(machine.root, ".everfresh"), { recursive: true });
      await machine.lack("go");
      const { status, stdout, stderr } = await machine.setUp(offline);
      assert.equal(status, 0, stderr);
      assert.match(stdout, /setup: done \(Pulumi: engine 3\.274\.1 with the lab's stand-ins\)\n$/);
    });

    it("keeps the engine in the checkout where the user has no place for a cache", async () => {
      await using machine = await bareMachine();
      const { status, stderr } = await machine.setUp({ ...offline, HOME: undefined });
      assert.equal(status, 0, stderr);
      assert.ok(existsSync(path.join(machine.root, ".everfresh/engine")));
    });

    it("fetches a newer Go where the one here is too old for it", async () => {
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

    it("gives way to the official Pulumi once that is there", async () => {
      await using machine = await bareMachine();
      assert.equal((await machine.setUp(offline)).status, 0);
      await machine.play("pulumi", "echo v3.259.0");
      const { stdout } = await machine.setUp(offline);
      assert.equal(stdout, "setup: everything is there (Pulumi: official 3.259.0)\n");
      assert.ok(!existsSync(path.join(machine.root, ".everfresh/bin/pulumi")));
    });

    it("is taken although the official Pulumi is there, when EVERFRESH_PULUMI says so", async () => {
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

    it("goes on after an interruption, which ends the build at once", async () => {
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

  it("is written in clean POSIX shell, as is the lab's", () => {
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

  it("tells programs the same place as shells", () => {
    const shell = execFileSync("sh", ["-c", '. ./scripts/env; printf %s "$PATH"'], {
      cwd: checkout,
      encoding: "utf8",
    });
    assert.equal(withTools().PATH, shell);
  });
});

describe("a bare machine", function () {
  this.timeout(900_000);
  const machine = `everfresh-setup-test-${process.pid}`;
  const within = (...command: string[]) =>
    docker(["exec", "--workdir=/srv/main", machine, ...command]).catch((error: DockerError) => {
      throw new Error(`${command.join(" ")}: ${error.message}\n${error.stdout}\n${error.stderr}`);
    });
  const withPulumi = (command: string) => within("sh", "-c", `. ./.everfresh/demo/env; ${command}`);

  before(async () => {
    // node is asked of the user. The npm packages and Pulumi are lent by this machine: set-up has installed those already.
    const dockerfile = [
      "FROM debian:trixie-slim",
      "RUN apt-get update \\",
      " && apt-get install -y --no-install-recommends nodejs \\",
      " && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*",
    ].join("\n");
    await docker(["buildx", "build", "--load", "--quiet", "--tag", "everfresh-setup-test", "-"], dockerfile);
    await docker([
      ...[
        "run",
        "--detach",
        "--init",
        "--name",
        machine,
        ...(await nestedEngineOptions("everfresh-setup-test")),
      ],
      ...[
        "--entrypoint=",
        "--volume=/var/lib/docker",
        `--volume=${checkout}/node_modules:/srv/main/node_modules:ro`,
      ],
      ...lentPulumi().map(({ source, target }) => `--volume=${source}:${target}:ro`),
      ...["everfresh-setup-test", "sleep", "infinity"],
    ]);
    const files = "git ls-files -z --cached --others --exclude-standard";
    execFileSync("sh", ["-c", `${files} | tar --null -T - -c | docker cp - ${machine}:/srv/main`], {
      cwd: checkout,
    });
  });
  after(() => docker(["rm", "--force", "--volumes", machine]));

  it("is set up with all there is to install, also by two at once, and the next time it is all there", async () => {
    const both = await Promise.all([1, 2].map(() => within("sh", "scripts/setup", "--for-tests")));
    const steps = both.flatMap((output) => output.split("\n"));
    const count = (step: RegExp) => steps.filter((line) => step.test(line)).length;
    assert.equal(count(/^setup: waiting for another set-up/), 1, both.join("\n\n"));
    for (const step of [
      /docker: installing the engine/,
      /docker: starting/,
      /compose v2/,
      /base image: pulling/,
      /lab: building the images of its hosts \(engines: stable newest\)/,
    ])
      assert.equal(count(step), 1, `${step}\n${both.join("\n\n")}`);

    assert.equal(
      await within("sh", "scripts/setup", "--for-tests"),
      `setup: everything is there (Pulumi: ${pulumiInUse()})`,
    );
    assert.match(await within("docker", "compose", "version", "--short"), /^2\./);
    await within("docker", "buildx", "version");
    await within("docker", "run", "--rm", "debian:trixie-slim", "true");
    assert.match(await within("sh", "-c", ". ./scripts/env; pulumi version"), /^v3\./);
    await within("shellcheck", "--version");
  });

  it("then shows the demo: the page, the changed line live, and `web` alone replaced", async () => {
    const shown = await within("node_modules/.bin/tsx", "scripts/demo/main.ts");
    assert.match(shown, /<p id="greeting">Welcome!<\/p>/);
    assert.match(shown, /<p id="greeting">Welcome back, the bread is fresh!<\/p>/);
    const verdicts = [...shown.matchAll(/^(\w+) +[0-9a-f]{12} +[0-9a-f]{12} +(\w+)$/gm)].map(
      ([, ...row]) => row,
    );
    assert.deepEqual(verdicts, [
      ["api", "untouched"],
      ["edge", "untouched"],
      ["redis", "untouched"],
      ["web", "replaced"],
    ]);
    assert.match(shown, /npm run demo -- down/);
    assert.ok(shown.endsWith(`done (Pulumi: ${pulumiInUse()})`), shown);
  });

  it("goes on with the demo's stack as it was told", async () => {
    await withPulumi("pulumi preview --expect-no-changes");
  });

  it("has nothing of the demo left when it is removed", async () => {
    await within("node_modules/.bin/tsx", "scripts/demo/main.ts", "down");
    assert.equal(await within("docker", "ps", "--all", "--quiet"), "");
    assert.equal(await within("docker", "volume", "ls", "--quiet"), "");
    const images = await within("docker", "images", "--format={{.Repository}}");
    assert.deepEqual([...new Set(images.split("\n"))].sort(), ["debian", "everfresh-lab"]);
    assert.equal(await within("ls", ".everfresh/lab"), "");
    assert.doesNotMatch(await within("ls", ".everfresh"), /^demo$/m);
    assert.doesNotMatch(await within("ls"), /Pulumi\.demo\.yaml/);
  });
});

describe("the demo's stack", function () {
  this.timeout(600_000);

  it("keeps to its folder, and leaves a stack of the user's named demo as it is", async () => {
    const root = await mkdtemp(path.join(os.tmpdir(), "everfresh-demo-"));
    try {
      const folder = path.join(root, ".everfresh/demo");
      await mkdir(folder, { recursive: true });
      await copyFile(path.join(checkout, "Pulumi.yaml"), path.join(root, "Pulumi.yaml"));
      const own = "config:\n  everfresh:composeFile: mine.yaml\n";
      await writeFile(path.join(root, "Pulumi.demo.yaml"), own);
      await (await DemoStack.create(root, folder)).configure({ composeFile: "shop.yaml" });
      assert.equal(await readFile(path.join(root, "Pulumi.demo.yaml"), "utf8"), own);
      assert.match(await readFile(path.join(folder, "Pulumi.demo.yaml"), "utf8"), /shop\.yaml/);
      assert.ok(!existsSync(path.join(folder, "Pulumi.yaml")));
    } finally {
      await rm(root, { recursive: true });
    }
  });
});

/** @param answer - undefined for none, ever. */
async function serve(
  answer: (url: string) => Buffer | undefined,
): Promise<{ url: string } & AsyncDisposable> {
  const server: Server = createServer((request, response) => {
    const body = answer(request.url ?? "");
    if (body) response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
