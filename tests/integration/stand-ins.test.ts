import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { newKeys } from "../../lab/keys";
import { eventually } from "../../lab/poll";
import { withTools } from "../../lab/pulumi/environment";
import { usesStandIns } from "../../lab/pulumi/in-use";
import type { Properties } from "../../lab/pulumi/plugin/properties";
import { LanguageHost } from "../conformance/language-host";
import { ProviderPlugin } from "../conformance/provider";
import { lab } from "../support/lab";
import { checkout, TestStack } from "../support/stack";

const bin = path.join(checkout, "lab/pulumi/bin");
const standIn = (name: string) => path.join(bin, `pulumi-resource-${name}`);

/** A host outside the lab. */
const production = {
  host: "127.0.0.1",
  port: 9,
  user: "deploy",
  hostKey: newKeys().public.split(" ").slice(0, 2).join(" "),
  dialErrorLimit: 0,
};

describe("the stand-ins", function () {
  this.timeout(600_000);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-stand-ins-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** Writes a program that runs until it is ended. */
  async function program(): Promise<void> {
    const runner = path.join(folder, "node_modules/@pulumi/pulumi/cmd/run");
    await mkdir(runner, { recursive: true });
    await writeFile(path.join(runner, "index.js"), "setInterval(() => {}, 1000);");
  }

  /** Processes with this folder among their arguments. */
  async function processes(): Promise<string[]> {
    const found = await Promise.all(
      (await readdir("/proc")).map(async (pid) => {
        const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
        return command.includes(folder) ? [command.replaceAll("\0", " ")] : [];
      }),
    );
    return found.flat();
  }

  describe("end with the engine, even if it is killed", () => {
    for (const name of ["command", "docker", "random"])
      it(`the ${name} plugin`, async () => {
        await using it = await ProviderPlugin.start(standIn(name), folder);
        it.plugin.process.stdin!.destroy();
        await once(it.plugin.process, "exit");
      });

    it("the language host, and the program that it runs", async () => {
      await program();
      await using it = await LanguageHost.start(path.join(bin, "pulumi-language-nodejs"), folder);
      it.run({ folder }).catch(() => {});
      await eventually("a program", async () => (await processes()).length > 0);
      it.plugin.process.stdin!.destroy();
      await once(it.plugin.process, "exit");
      await eventually("the end of the program", async () => (await processes()).length === 0, 10_000);
    });

    it("the docker plugin, and the build that it runs", async () => {
      await writeFile(path.join(folder, "Dockerfile"), "FROM debian:trixie-slim\nRUN sleep 600\n");
      await using it = await ProviderPlugin.start(standIn("docker"), folder);
      const building = it.create("docker:index/remoteImage:RemoteImage", {
        name: "everfresh-stand-in:none",
        keepLocally: true,
        build: { context: folder, dockerfile: "Dockerfile" },
      });
      await eventually("a build", async () => (await processes()).some((it) => it.includes("buildx build")));
      it.plugin.process.stdin!.destroy();
      await building;
      await eventually("the end of the build", async () => (await processes()).length === 0, 10_000);
    });
  });

  describe("refuse by name what they do not support", () => {
    const types: [plugin: string, type: string][] = [
      ["docker", "docker:index/container:Container"],
      ["command", "command:local:Command"],
      ["random", "random:index/randomPassword:RandomPassword"],
      ["random", "constructor:index:constructor"],
    ];
    for (const [plugin, type] of types)
      it(type, async () => {
        await using it = await ProviderPlugin.start(standIn(plugin), folder);
        const expected = { error: `${type}: the lab's stand-in for the ${plugin} plugin does not have it` };
        assert.deepEqual(await it.check(type, {}), expected);
        assert.deepEqual(await it.create(type, {}), expected);
      });

    const host = { host: "a", hostKey: "k" };
    const inputs: [plugin: string, type: string, inputs: Properties, refused: string[]][] = [
      [
        "command",
        "command:remote:Command",
        {
          connection: { ...host, password: "p", proxy: { ...host, agentSocketPath: "s" } },
          environment: { A: "1" },
          addPreviousOutputInEnv: false,
        },
        ["connection.password", "connection.proxy.agentSocketPath", "environment"],
      ],
      [
        "command",
        "command:remote:Command",
        { connection: { host: "a", proxy: { host: "b" } } },
        ["connection.hostKey", "connection.proxy.hostKey", "addPreviousOutputInEnv"],
      ],
      [
        "docker",
        "docker:index/remoteImage:RemoteImage",
        { name: "a", pullTriggers: ["1"], build: { context: ".", labels: {} }, keepLocally: true },
        ["pullTriggers", "build.labels"],
      ],
      ["docker", "docker:index/remoteImage:RemoteImage", { name: "a" }, ["keepLocally", "build"]],
      [
        "docker",
        "docker:index/registryImage:RegistryImage",
        { name: "a", insecureSkipVerify: true },
        ["insecureSkipVerify", "keepRemotely"],
      ],
      ["random", "random:index/randomId:RandomId", { byteLength: 4, prefix: "a" }, ["prefix"]],
    ];
    for (const [plugin, type, given, refused] of inputs)
      it(`${type}: ${refused.join(", ")}`, async () => {
        await using it = await ProviderPlugin.start(standIn(plugin), folder);
        const answer = await it.check(type, given);
        assert.ok("failures" in answer, JSON.stringify(answer));
        assert.deepEqual(answer.failures!.map((failure) => failure.split(": ")[0]).sort(), refused.sort());
      });
  });

  describe("act on the lab only", () => {
    const refused =
      /^pulumi: this is the engine with the lab's stand-ins, and \S+ is not a (host|registry) of the lab; install the official Pulumi/;
    const error = (outcome: object | string) => (outcome as { error?: string }).error ?? "";

    it("run no command on another host", async () => {
      await using it = await ProviderPlugin.start(standIn("command"), folder);
      const type = "command:remote:Command";
      const inputs = { connection: production, create: "true", delete: "true" };
      const state = { ...inputs, stdout: "", stderr: "" };
      assert.match(error(await it.create(type, inputs)), refused);
      assert.match(error(await it.update(type, "id", state, inputs, { ...inputs, update: "true" })), refused);
      assert.match(error(await it.delete(type, "id", state)), refused);
    });

    it("reach no other host through a host of the lab", async () => {
      const { address, port, hostKey } = (await lab()).hosts[0]!;
      await using it = await ProviderPlugin.start(standIn("command"), folder);
      const connection = { ...production, proxy: { host: address, port, hostKey } };
      assert.match(error(await it.create("command:remote:Command", { connection, create: "true" })), refused);
    });

    it("push to no other registry", async () => {
      await using it = await ProviderPlugin.start(standIn("docker"), folder);
      const outcome = await it.create("docker:index/registryImage:RegistryImage", {
        name: "127.0.0.1:9/web:1",
        keepRemotely: true,
        authConfig: { address: "http://127.0.0.1:9", username: "u", password: "p" },
      });
      assert.match(error(outcome).replace(/^1 error occurred:\n\t\* /, ""), refused);
    });

    it("start no program whose stack deploys to another host", async () => {
      await program();
      await using it = await LanguageHost.start(path.join(bin, "pulumi-language-nodejs"), folder);
      const { host, ...rest } = production;
      const hosts = JSON.stringify([{ address: host, ...rest }]);
      assert.deepEqual(await it.run({ folder, config: { "everfresh:hosts": hosts } }), {
        error: "",
        bail: true,
      });
      const [line, ...more] = it.plugin.takeLogs();
      assert.deepEqual([line!.severity, more], ["error", []]);
      assert.match(line!.message, refused);
    });

    // The official Pulumi refuses nothing.
    if (usesStandIns())
      it("do not let `pulumi` or `everfresh` deploy such a stack", async () => {
        await using stack = await TestStack.create(await lab());
        const { hostKey } = production;
        await stack.configure({ "hosts[0].port": "9", "hosts[0].hostKey": hostKey });
        const { status, output } = await stack.up();
        assert.notEqual(status, 0);
        assert.match(output, /error: pulumi: this is the engine with the lab's stand-ins/);

        const everfresh = (...args: string[]) => {
          const config = ["--stack", stack.name, "--config-file", stack.configFile];
          try {
            execFileSync(process.execPath, [path.join(checkout, "cli/everfresh.js"), ...args, ...config], {
              env: { ...withTools(), ...stack.backend },
              stdio: "pipe",
            });
            return { status: 0, stderr: "" };
          } catch (error) {
            const { status, stderr } = error as { status: number; stderr: Buffer };
            return { status, stderr: stderr.toString() };
          }
        };
        for (const verb of [
          ["deploy", "--yes"],
          ["preview"],
          ["redeploy", "--yes"],
          ["build-only", "--yes"],
        ]) {
          const { status, stderr } = everfresh(...verb);
          assert.equal(status, 2, verb[0]);
          assert.match(stderr, new RegExp(`${refused.source}[^\\n]*\\n$`), verb[0]);
        }
      });
  });
});
