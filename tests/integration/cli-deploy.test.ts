import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { docker } from "../../lab/docker";
import { engine } from "../../lab/faults";
import type { Lab } from "../../lab/lab";
import { withTools } from "../../lab/pulumi/environment";
import { lab as sharedLab } from "../support/lab";
import { push, registryDigest } from "../support/script";
import { checkout, TestStack } from "../support/stack";

const run = promisify(execFile);

interface Answer {
  status: number;
  stdout: string;
  stderr: string;
}

/** A running container, by its service. */
type Running = Record<
  string,
  {
    id: string;
    image: string;
    /** What `RUN` wrote, differently each time. */
    built: string;
    /** The version of the base image. */
    base: string;
  }
>;

describe("everfresh deploy", function () {
  this.timeout(600_000);
  let lab: Lab;
  let folder: string;
  let stack: TestStack;
  let commit: string;
  const base = `base-${process.pid}`;
  const services = ["still", "web"];

  /** Pushes a base image. Here, the tag stays with its first image, as on a machine that does not pull. */
  async function pushBase(tag: string, version: string): Promise<void> {
    const name = `${lab.registry.address}/${base}:${tag}`;
    const first = (await docker(["image", "ls", "-q", "--no-trunc", name])).trim();
    await docker(["build", "-q", "-t", name, "-"], `FROM everfresh-test-base\nRUN echo ${version} >/base`);
    await push(lab, name);
    if (first !== "") await docker(["tag", first, name]);
  }

  function login(): string {
    const { address, username, password } = lab.registry;
    return JSON.stringify({
      auths: { [address]: { auth: btoa(`${username}:${password}`) } },
      cliPluginsExtraDirs: [path.join(os.homedir(), ".docker/cli-plugins")],
    });
  }

  const git = async (...args: string[]) =>
    (
      await run("git", ["-C", stack.app, "-c", "user.name=ann", "-c", "user.email=ann@example.com", ...args])
    ).stdout.trim();

  before(async () => {
    lab = await sharedLab();
    await Promise.all([pushBase("moves", "one"), pushBase("stays", "one")]);
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-cli-deploy-"));
    stack = await TestStack.create(lab, { app: folder });
    const service = (context: string, tag: string) => ({
      build: {
        context,
        dockerfile_inline: [
          `FROM ${lab.registry.address}/${base}:${tag}`,
          "COPY page /page",
          "RUN head -c 16 /dev/urandom | od -An -tx1 >/built",
          'CMD ["sleep", "infinity"]',
        ].join("\n"),
      },
      stop_signal: "SIGKILL",
    });
    const project = { services: { web: service("web", "moves"), still: service("still", "stays") } };
    await stack.write("compose.yaml", JSON.stringify(project));
    for (const name of services) await stack.write(`${name}/page`, "first\n");
    await stack.write(".gitignore", ".env.deploy\n");
    await stack.configure({ settle: "0" });
    // The builder reads a base's tag with its own login.
    await stack.write("../docker/config.json", login());
    await git("init", "-q");
    await git("add", ".");
    await git("commit", "-qm", "first");
    commit = await git("rev-parse", "--short=7", "HEAD");
  });
  after(async () => {
    for (const tag of ["moves", "stays"])
      await docker(["image", "rm", `${lab.registry.address}/${base}:${tag}`]);
    await rm(folder, { recursive: true, force: true });
    await stack?.[Symbol.asyncDispose]();
  });

  /** Runs `everfresh deploy` in a folder that is neither the checkout nor the application's, without a terminal. */
  function deploy(...args: string[]): Promise<Answer> {
    const child = spawn(
      path.join(checkout, "cli/everfresh.js"),
      ["deploy", "--stack", stack.name, "--config-file", stack.configFile, ...args],
      {
        cwd: os.tmpdir(),
        env: {
          ...withTools(),
          ...stack.backend,
          DOCKER_CONFIG: path.join(stack.folder, "docker"),
        },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
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

  async function mustDeploy(...args: string[]): Promise<Answer> {
    const answer = await deploy("--yes", ...args);
    assert.equal(answer.status, 0, answer.stdout + answer.stderr);
    return answer;
  }

  const configuration = () => readFile(stack.configFile, "utf8");

  async function running(): Promise<Running> {
    const label = "com.docker.compose";
    const ids = await engine(stack.host, "ps", "-q", "--filter", `label=${label}.project=${stack.project}`);
    const format = `{{index .Config.Labels "${label}.service"}} {{.Id}} {{.Image}}`;
    const lines = await engine(stack.host, "inspect", "--format", format, ...ids.split("\n"));
    const found = await Promise.all(
      lines.split("\n").map(async (line) => {
        const [service, id, image] = line.split(" ") as [string, string, string];
        const [built, base] = (await engine(stack.host, "exec", id, "cat", "/built", "/base")).split("\n");
        return [service, { id, image, built: built!, base: base! }] as const;
      }),
    );
    assert.deepEqual(found.map(([service]) => service).sort(), services);
    return Object.fromEntries(found);
  }

  /** The readable tags of a service's images in the registry. */
  async function tags(service: string): Promise<string[]> {
    const { address, username, password } = lab.registry;
    const answer = await fetch(`http://${address}/v2/${stack.project}-${service}/tags/list`, {
      headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` },
    });
    const { tags } = (await answer.json()) as { tags: string[] };
    return tags.filter((tag) => !tag.startsWith("content-")).sort();
  }

  /** What a deployment can change for others. */
  async function everythingShared() {
    const ledger = `cat ~/.everfresh/${stack.project}/ledger.jsonl`;
    const { user, container } = stack.host;
    return {
      running: await running(),
      tags: await Promise.all(services.map(tags)),
      configuration: await configuration(),
      deployments: await docker(["exec", "--user", user, container, "sh", "-c", ledger]),
    };
  }

  async function stateHash(): Promise<string> {
    const folder = path.join(stack.state, ".pulumi/stacks");
    const hash = createHash("sha256");
    for (const file of (await readdir(folder, { recursive: true })).sort())
      if (file.endsWith(".json")) hash.update(file).update(await readFile(path.join(folder, file)));
    return hash.digest("hex");
  }

  it("gives the tag to what it builds", async () => {
    const before = await configuration();
    await mustDeploy("v1.0");
    assert.deepEqual(await Promise.all(services.map(tags)), [["v1.0"], ["v1.0"]]);
    for (const service of services)
      assert.equal(
        await registryDigest(lab, `${stack.project}-${service}`, "v1.0"),
        (await stack.containers())[service]!.digest,
      );
    assert.equal(await configuration(), before);
  });

  it("leaves everything alone the next time, without the tag", async () => {
    const before = await running();
    const unchanged = await configuration();
    await mustDeploy();
    assert.deepEqual(await running(), before);
    assert.equal(await configuration(), unchanged);
    assert.deepEqual(await tags("web"), ["v1.0"]);
  });

  it("changes nothing in a dry run with every option, and shows the whole plan", async () => {
    await stack.write("web/untracked", "not committed\n");
    await stack.write("web/page", "second\n");
    await pushBase("moves", "two");
    const before = [await everythingShared(), await stateHash()];
    const all = ["v2.0", "--no-cache", "--pull", "--force-recreate", "--unique-tag"];
    const { status, stdout, stderr } = await deploy("--dry-run", "--json", ...all);
    assert.equal(status, 0, stderr);
    assert.deepEqual([await everythingShared(), await stateHash()], before);
    const { steps } = JSON.parse(stdout) as {
      steps: { op: string; urn: string; newState?: { inputs?: { targetImage?: string } } }[];
    };
    for (const service of services) {
      const tag = steps.find(({ urn }) => urn.endsWith(`::${service}-tag`));
      assert.match(tag?.newState?.inputs?.targetImage ?? "", /:v2\.0-\d{8}T\d{6}Z$/);
    }
  });

  it("names a dirty tree and the time in a unique tag, and recreates what did not change with --force-recreate", async () => {
    const before = await running();
    await mustDeploy("--unique-tag", "--force-recreate");
    const now = await running();
    const unique = new RegExp(`^${commit}-dirty-[0-9a-f]{7}-\\d{8}T\\d{6}Z,v1\\.0$`);
    assert.match((await tags("web")).join(), unique);
    assert.notEqual(now.web!.image, before.web!.image);
    assert.deepEqual(await tags("still"), ["v1.0"]);
    assert.equal(now.still!.image, before.still!.image);
    for (const service of services) assert.notEqual(now[service]!.id, before[service]!.id, service);
    assert.doesNotMatch(await configuration(), /everfresh:(tag|uniqueTag)/);
  });

  it("builds everything again with --no-cache, on the bases it has", async () => {
    const before = await running();
    await mustDeploy("--no-cache");
    const now = await running();
    for (const service of services) {
      assert.notEqual(now[service]!.built, before[service]!.built, service);
      assert.equal(now[service]!.base, "one", service);
    }
  });

  it("builds on a base's new image with --pull, which stays on", async () => {
    const before = await running();
    const { stderr } = await mustDeploy("--pull");
    const now = await running();
    assert.deepEqual([now.still!.base, now.web!.base], ["one", "two"]);
    assert.equal(now.still!.built, before.still!.built);
    assert.match(await configuration(), /everfresh:pullBase: "true"/);
    assert.match(stderr, /^everfresh:pullBase: is now true, and stays so/m);
  });

  it("sets the configuration back when the deployment is refused, whatever asked for the change", async () => {
    const before = await everythingShared();
    await stack.write("compose.yaml", "services: {");
    await stack.write(".env.deploy", "USE_CACHE=False\n");
    const { status, stderr } = await deploy("--yes", "v3", "--force-recreate");
    assert.equal(status, 2, stderr);
    assert.match(stderr, /^USE_CACHE=False \(.*\/\.env\.deploy\): everything is built without cache/m);
    for (const key of ["fresh", "forceRecreate"])
      assert.match(stderr, new RegExp(`^everfresh:${key}: set back to what it was \\(20`, "m"));
    assert.deepEqual(await everythingShared(), before);
  });
});
