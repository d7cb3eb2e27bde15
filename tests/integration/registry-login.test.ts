import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { exec } from "../../lab/faults";
import type { Lab } from "../../lab/lab";
import { eventually } from "../../lab/poll";
import { withTools } from "../../lab/pulumi/environment";
import { lab as sharedLab } from "../support/lab";
import { TestStack } from "../support/stack";

const run = promisify(execFile);

describe("a registry whose password only docker's credential helper knows", function () {
  this.timeout(600_000);
  let lab: Lab;
  let folder: string;
  let stack: TestStack;
  let seen: { output: string; processes: string };

  const inFolder = (...names: string[]) => path.join(folder, ...names);
  const asked = async () => (await readFile(inFolder("asked"), "utf8")).trim().split("\n");
  /** Uses no login but docker's own. */
  async function useDockerLogin(stack: TestStack): Promise<void> {
    const PATH = `${inFolder("bin")}${path.delimiter}${process.env.PATH}`;
    stack.tools = withTools({ ...process.env, PATH, DOCKER_CONFIG: inFolder("docker") });
    for (const key of ["registry.username", "registry.password"]) await stack.unset(key);
  }
  const configureDocker = (config: object) =>
    writeFile(inFolder("docker/config.json"), JSON.stringify(config), { mode: 0o600 });

  before(async () => {
    lab = await sharedLab();
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-login-"));
    for (const name of ["app/web", "bin", "docker"]) await mkdir(inFolder(name), { recursive: true });
    const { username, password, address } = lab.registry;
    await writeFile(inFolder("secret"), JSON.stringify({ Username: username, Secret: password }), {
      mode: 0o600,
    });
    const helper = `#!/bin/sh\ncat >>'${inFolder("asked")}'; echo >>'${inFolder("asked")}'\nexec cat '${inFolder("secret")}'\n`;
    await writeFile(inFolder("bin/docker-credential-lab"), helper);
    await chmod(inFolder("bin/docker-credential-lab"), 0o755);
    await configureDocker({ credHelpers: { [address]: "lab" } });

    stack = await TestStack.create(lab, { app: inFolder("app") });
    const web = { build: "./web", command: ["sleep", "inf"], stop_signal: "SIGKILL" };
    await stack.write("compose.yaml", JSON.stringify({ services: { web } }));
    await stack.write("web/Dockerfile", "FROM everfresh-test-base\nCOPY page /\n");
    await stack.write("web/page", stack.name);
    await useDockerLogin(stack);

    const { ended } = stack.start();
    seen = { output: "", processes: "" };
    let over = false;
    void ended.finally(() => {
      over = true;
    });
    while (!over) seen.processes += (await run("ps", ["-eo", "args", "-ww"])).stdout;
    const { output, status } = await ended;
    assert.equal(status, 0, output);
    seen.output = output;
  });
  after(async () => {
    await stack?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("is pushed to, and the helper was asked for this registry only", async () => {
    assert.equal(await stack.inContainer("web", "cat", "/page"), stack.name);
    assert.deepEqual([...new Set(await asked())], [lab.registry.address]);
  });

  it("is pulled from by the host, which keeps no login", async () => {
    const kept = "ls -A .docker .everfresh/*/.lent-* 2>/dev/null || true";
    await eventually(
      "the login is removed",
      async () => (await exec(stack.host, ["sh", "-c", `cd ~deploy; ${kept}`])) === "",
    );
  });

  it("reveals the password in no state, log or argument", async () => {
    assert.match(seen.processes, /pulumi up/);
    const state = (await stack.pulumi("stack", "export")).output;
    assert.match(state, /pulumi:providers:docker::registry/);
    const { username, password } = lab.registry;
    const base64 = Buffer.from(`${username}:${password}`).toString("base64");
    for (const [where, text] of Object.entries({ state, ...seen }))
      for (const secret of [password, base64])
        assert.ok(!text.includes(secret), `the ${where} has the password`);
    assert.ok(!state.includes(`"username": "${username}"`), "the state has the login");
  });

  it("causes no change when docker keeps the login elsewhere, and lends its images to another stack", async () => {
    const { username, password, address } = lab.registry;
    const auth = Buffer.from(`${username}:${password}`).toString("base64");
    await configureDocker({ auths: { "registry.example.com": {}, [`http://${address}/v1/`]: { auth } } });
    const before = await asked();
    const { status, output } = await stack.preview("--expect-no-changes");
    assert.equal(status, 0, output);
    await using other = await TestStack.create(lab, { beside: stack, project: stack.project });
    await useDockerLogin(other);
    const plan = Object.keys(await other.plan());
    assert.ok(plan.length > 0 && !plan.some((name) => name.endsWith("::web-build")), plan.join());
    assert.deepEqual(await asked(), before);
  });
});
