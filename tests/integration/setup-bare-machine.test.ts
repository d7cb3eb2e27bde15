import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { type DockerError, docker } from "../../lab/docker";
import { nestedEngineOptions } from "../../lab/image";
import { pulumiInUse } from "../../lab/pulumi/in-use";
import { DemoStack } from "../../scripts/demo/stack";
import { lentPulumi } from "../support/lent-pulumi";
import { checkout } from "./setup-support/machine";

describe("a bare machine", function () {
  this.timeout(900_000);
  const machine = `everfresh-setup-test-${process.pid}`;
  const within = (...command: string[]) =>
    docker(["exec", "--workdir=/srv/main", machine, ...command]).catch((error: DockerError) => {
      throw new Error(`${command.join(" ")}: ${error.message}\n${error.stdout}\n${error.stderr}`);
    });
  const withPulumi = (command: string) => within("sh", "-c", `. ./.everfresh/demo/env; ${command}`);

  before(async () => {
    // node is up to the user. The npm packages and Pulumi come from this machine, where set-up has already installed them.
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

  it("is set up completely, even by two set-ups at once, and the next set-up finds everything", async () => {
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

  it("then has the demo's stack, and a preview of it shows no changes", async () => {
    await withPulumi("pulumi preview --expect-no-changes");
  });

  it("has nothing left of the demo when it is removed", async () => {
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

  it("stays in its folder, and does not touch a user's stack named demo", async () => {
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
