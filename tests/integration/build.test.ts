import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { docker } from "../../lab/docker";
import { exec } from "../../lab/faults";
import { lab } from "../support/lab";
import { TestStack } from "../support/stack";

const project = {
  "compose.yaml": "services: { web: { build: ./web, command: [sleep, inf], stop_signal: SIGKILL } }",
  "web/Dockerfile": "FROM everfresh-test-base\nCOPY . /app",
  "web/Dockerfile.dockerignore": "*.md\n!README.md\ndocs\n!docs/keep.txt\nsrc/*\n!src/lib\n**/secret*\n",
  "web/.dockerignore": "*\n",
  ...Object.fromEntries(
    ["README.md", "other.md", "docs/a.txt", "docs/keep.txt", "src/x", "src/lib/y", "src/lib/secret"].map(
      (file) => [`web/${file}`, file],
    ),
  ),
  "web/run": "",
};

describe("an image built by pulumi up", function () {
  this.timeout(600_000);
  let folder: string;
  let stack: TestStack;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-build-"));
    for (const [file, text] of Object.entries(project)) {
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await writeFile(path.join(folder, file), text);
    }
    await chmod(path.join(folder, "web/run"), 0o755);
    await symlink("../README.md", path.join(folder, "web/src/lib/link"));
    stack = await TestStack.create(await lab(), { app: folder });
    await stack.mustUp();
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
    await stack?.[Symbol.asyncDispose]();
  });

  it("has the files that docker itself builds from the same folder, including ignore rules, links and modes", async () => {
    const name = `everfresh-test-build-${process.pid}`;
    await docker(["buildx", "build", "--no-cache", "-t", name, path.join(folder, "web")]);
    const list =
      'cd /app && find . | sort | while read f; do ls -ld "$f" | cut -c 1-10; echo "$f $(readlink "$f")"; done';
    const holds = (image: string) => docker(["run", "--rm", image, "sh", "-c", list]);
    try {
      const [ours] = (await docker(["images", "-q", "--filter", `reference=*/${stack.project}-web`])).split(
        "\n",
      );
      const seen = await holds(ours!);
      assert.match(seen, /-rw-r--r--\n\.\/docs\/keep\.txt/);
      assert.match(seen, /\.\/src\/lib\/link \.\.\/README\.md/);
      assert.doesNotMatch(seen, /secret|other\.md/);
      assert.equal(seen, await holds(name));
    } finally {
      await docker(["image", "rm", name]);
    }
  });

  it("is built and pushed once for all services that build the same", async () => {
    const service = "{ build: ./web, command: [sleep, inf], stop_signal: SIGKILL }";
    await stack.write("compose.yaml", `services: { web: ${service}, twin: ${service} }`);
    await stack.write("web/src/lib/y", "changed");
    await stack.mustUp();
    const { web, twin } = await stack.containers();
    assert.equal(twin!.digest, web!.digest);
    const { images } = await stack.outputs<{ images: Record<string, { content: string }> }>();
    const tag = `content-${images.web!.content.slice(0, 32)}`;
    const built = await docker(["images", "--quiet", `--filter=reference=*/${stack.project}-*:${tag}`]);
    assert.equal(built.split("\n").length, 1, built);
    const calm = await stack.preview("--expect-no-changes");
    assert.equal(calm.status, 0, calm.output);
  });

  it("is not built from what the state remembers of it, even if Pulumi is told to replace it", async () => {
    const before = await stack.containers();
    const run = await stack.up("--replace", "**RemoteImage::*-build");
    assert.notEqual(run.status, 0, run.output);
    assert.match(
      run.output,
      /: this run does not build it, so Pulumi must not replace its image; to build it again/,
    );
    assert.deepEqual(await stack.containers(), before);
    const calm = await stack.preview("--expect-no-changes");
    assert.equal(calm.status, 0, calm.output);
  });
});

/** A tarball or `rsync -t` makes such files. BuildKit takes a file with the same size and time for the one it was sent before. */
describe("files that differ only in their bytes", function () {
  this.timeout(600_000);
  let folder: string;
  let stack: TestStack;
  const then = new Date("2020-02-02T02:02:02Z");
  const unique = `${process.pid}`;

  const write = async (file: string, text: string) => {
    await stack.write(file, text);
    await utimes(path.join(stack.app, file), then, then);
    await utimes(path.dirname(path.join(stack.app, file)), then, then);
  };
  const held = async () => {
    const containers = await stack.containers();
    const read = ({ id }: { id: string }) => exec(stack.host, ["docker", "exec", id, "cat", "/version"]);
    return Promise.all([read(containers.one!), read(containers.two!)]);
  };

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-times-"));
    const service = (name: string) =>
      `${name}: { build: ./${name}, command: [sleep, inf], stop_signal: SIGKILL }`;
    await writeFile(
      path.join(folder, "compose.yaml"),
      `services: { ${service("one")}, ${service("two")} }\n`,
    );
    stack = await TestStack.create(await lab(), { app: folder });
    for (const name of ["one", "two"]) {
      await write(`${name}/Dockerfile`, "FROM everfresh-test-base\nCOPY version /version\n");
      await write(`${name}/version`, `${name} 1 ${unique}`);
    }
    await stack.mustUp();
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
    await stack?.[Symbol.asyncDispose]();
  });

  it("are not confused between services", async () => {
    assert.deepEqual(await held(), [`one 1 ${unique}`, `two 1 ${unique}`]);
  });

  it("are not confused with their earlier versions", async () => {
    await write("two/version", `two 2 ${unique}`);
    await stack.mustUp();
    assert.deepEqual(await held(), [`one 1 ${unique}`, `two 2 ${unique}`]);
  });
});

describe("a build secret whose id is not a plain file name", function () {
  this.timeout(600_000);
  let folder: string;
  let stack: TestStack;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-names-"));
    const build = { context: "./web", secrets: [{ source: "token", target: "team/npm" }] };
    await writeFile(
      path.join(folder, "compose.yaml"),
      JSON.stringify({
        services: { web: { build, command: ["sleep", "inf"], stop_signal: "SIGKILL" } },
        secrets: { token: { file: "./token" } },
      }),
    );
    stack = await TestStack.create(await lab(), { app: folder });
    await stack.write(
      "web/Dockerfile",
      [
        "FROM everfresh-test-base",
        "RUN --mount=type=secret,id=team/npm,target=/npm wc -c </npm >/size",
        "",
      ].join("\n"),
    );
    await stack.write("token", "12345");
    await stack.mustUp();
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
    await stack?.[Symbol.asyncDispose]();
  });

  it("is available to the commands that name it", async () => {
    assert.equal((await stack.inContainer("web", "cat", "/size")).trim(), "5");
  });
});
