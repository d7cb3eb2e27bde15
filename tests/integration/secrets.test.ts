import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import path from "node:path";
import { promisify } from "node:util";
import { docker } from "../../lab/docker";
import { exec } from "../../lab/faults";
import type { Lab } from "../../lab/lab";
import { lab as sharedLab } from "../support/lab";
import { checkout, TestStack } from "../support/stack";

const run = promisify(execFile);

describe("a secret", function () {
  this.timeout(600_000);
  let lab: Lab;
  let stack: TestStack;
  let seen: { output: string; processes: { here: string; there: string }; state: string; left: string };
  const values = {
    env: `env-${randomBytes(12).toString("hex")}`,
    file: `file-${randomBytes(12).toString("hex")}`,
    build: `build-${randomBytes(12).toString("hex")}`,
  };
  let secrets: Record<string, string>;

  before(async () => {
    lab = await sharedLab();
    stack = await TestStack.create(lab);
    await stack.write("api.env", `API_KEY=${values.env}\n`);
    await stack.write("token.secret", values.file);
    await stack.write(".env.deploy", `BUILD_TOKEN=${values.build}\n`);
    const compose = (await stack.read("compose.yaml"))
      .replace("build: web", "build: { context: web, secrets: [build_token] }")
      .replace("secrets:\n", "secrets:\n  build_token: { environment: BUILD_TOKEN }\n");
    await stack.write("compose.yaml", compose);
    const dockerfile = [
      await stack.read("web/Dockerfile"),
      // The value must not be in an image, so its length shows that the build saw it.
      "RUN --mount=type=secret,id=build_token wc -c </run/secrets/build_token >/www/length\n",
    ];
    await stack.write("web/Dockerfile", dockerfile.join(""));
    secrets = {
      "the registry's password": lab.registry.password,
      "the registry's login": Buffer.from(`${lab.registry.username}:${lab.registry.password}`).toString(
        "base64",
      ),
      "the private key": stack.host.privateKey.split("\n")[2]!,
      "an env secret": values.env,
      "a secret file": values.file,
      "a build's secret": values.build,
    };

    const { ended } = stack.start();
    const processes = { here: "", there: "" };
    let over = false;
    void ended.finally(() => {
      over = true;
    });
    while (!over) {
      const [here, there] = await Promise.all([
        run("ps", ["-eo", "args", "-ww"]).then(({ stdout }) => stdout),
        exec(stack.host, [
          "sh",
          "-c",
          "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done 2>/dev/null",
        ]),
      ]);
      processes.here += here;
      processes.there += there;
    }
    const { output, status } = await ended;
    assert.equal(status, 0, output);
    // Checked now, because a later run begins with empty folders.
    const patterns = Object.values(secrets).flatMap((value) => ["-e", value]);
    const left = await run("grep", ["-rlF", ...patterns, path.join(checkout, ".everfresh/build")]).then(
      ({ stdout }) => stdout,
      ({ code }) => (code === 1 ? "" : "grep failed"),
    );
    seen = { output, left, processes, state: (await stack.pulumi("stack", "export")).output };
  });
  after(() => stack?.[Symbol.asyncDispose]());

  function absent(text: string, where: string): void {
    for (const [what, secret] of Object.entries(secrets))
      assert.ok(!text.includes(secret), `${what} is in ${where}`);
  }

  it("is in the places that it belongs in, and this test can find it there", async () => {
    // The process samples saw the deployment, and the container has its secrets.
    assert.match(seen.processes.here, /pulumi up/);
    assert.match(seen.processes.there, /everfresh deploy/);
    assert.match(seen.processes.there, /docker .*up -d/);
    assert.equal(await stack.inContainer("api", "cat", "/run/secrets/token"), values.file);
    assert.equal(await stack.inContainer("api", "sh", "-c", 'echo "$API_KEY"'), values.env);
    assert.equal(Number(await stack.inContainer("web", "cat", "/www/length")), values.build.length);
  });

  it("is not in the stack's state", () => absent(seen.state, "the state"));

  it("is neither on the terminal nor in the outputs", async () => {
    absent(seen.output, "the output of up");
    absent((await stack.preview("--diff")).output, "the output of preview");
    absent((await stack.pulumi("stack", "output", "--json", "--show-secrets")).output, "the stack's outputs");
  });

  it("is in no process list, on either side", () => {
    absent(seen.processes.here, "the processes here");
    absent(seen.processes.there, "the processes on the host");
  });

  it("is in no file on this machine after the build, except for its sources", () =>
    assert.equal(seen.left, ""));

  it("is in no image", async () => {
    const images = (
      await docker([
        "images",
        "--format",
        "{{.Repository}}:{{.Tag}}",
        `${lab.registry.address}/${stack.project}-*`,
      ])
    )
      .split("\n")
      .filter(Boolean);
    assert.ok(images.length >= 3);
    for (const image of images) {
      absent(await docker(["history", "--no-trunc", image]), `the history of ${image}`);
      absent(await docker(["image", "inspect", image]), `the configuration of ${image}`);
    }
  });

  it("is in no file on the host that others can read", async () => {
    await exec(stack.host, ["sh", "-c", "id -u stranger >/dev/null 2>&1 || useradd --create-home stranger"]);
    const patterns = Object.values(secrets).join("\n");
    const search = (user: string, folders: string) =>
      exec(stack.host, ["sh", "-c", `grep -rlFf /dev/stdin ${folders} 2>/dev/null || test $? -le 2`], {
        user,
        input: `${patterns}\n`,
      });
    assert.notEqual(await search("root", "/home/deploy"), "", "the search finds nothing even as root");
    assert.equal(await search("stranger", "/home /tmp /var/tmp /run /etc /opt /srv"), "");
  });

  it("leaves no registry login on the host", async () => {
    const found = await exec(
      stack.host,
      ["sh", "-c", "grep -rlFf /dev/stdin /home /root /tmp /run 2>/dev/null || test $? -le 2"],
      {
        input: `${lab.registry.password}\n${secrets["the registry's login"]}\n`,
      },
    );
    assert.equal(found, "");
  });
});
