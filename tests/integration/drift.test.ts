import assert from "node:assert/strict";
import { docker } from "../../lab/docker";
import { engine, exec } from "../../lab/faults";
import { eventually } from "../../lab/poll";
import { lab as sharedLab } from "../support/lab";
import { TestStack } from "../support/stack";

describe("a change made on the host by hand", function () {
  this.timeout(600_000);
  let stack: TestStack;

  before(async () => {
    stack = await TestStack.create(await sharedLab());
    await stack.mustUp();
  });
  after(() => stack?.[Symbol.asyncDispose]());

  const folder = () => `/home/deploy/.everfresh/${stack.project}`;
  const remove = async (service: "cache" | "web") =>
    engine(stack.host, "rm", "-f", (await stack.containers())[service]!.id);
  /** Changes by the text with which a preview names them, each to a different service. */
  const kinds: [named: RegExp, act: () => Promise<unknown>][] = [
    [/host1: cache is missing/, () => remove("cache")],
    [
      /host1: web runs another image/,
      async () => {
        const { web } = await stack.containers();
        const image = await engine(stack.host, "inspect", "--format", "{{.Config.Image}}", web!.id);
        await remove("web");
        const other = `${image.split("@")[0]!.replace(/-web$/, "-api")}`;
        const [api] = (await engine(stack.host, "images", "-q", other)).split("\n");
        const labels = Object.entries({
          project: stack.project,
          service: "web",
          oneoff: "False",
          "project.working_dir": folder(),
        }).map(([key, value]) => `--label=com.docker.compose.${key}=${value}`);
        await engine(stack.host, "run", "-d", "--init", ...labels, api!, "sleep", "1000");
      },
    ],
    [
      /host1: .*api\.conf.* was changed on the host/,
      () => exec(stack.host, ["sh", "-c", `echo 'level = 99' > "$(ls ${folder()}/store/*/api.conf)"`]),
    ],
  ];

  it("is shown by a plain preview and repaired by a plain up: a removed container, another image, an edited file", async () => {
    for (const [, act] of kinds) await act();
    const preview = await stack.preview();
    assert.equal(preview.status, 0, preview.output);
    for (const [named] of kinds) assert.match(preview.output, named);
    assert.equal((await stack.plan())["command:remote:Command::host1-up"], "replace");
    await stack.mustUp();
    await eventually("the page", async () => (await stack.page()) === "<h1>first</h1>");
    assert.equal(await stack.inContainer("api", "cat", "/etc/api.conf"), "level = 1");
    assert.ok((await stack.containers()).cache);
    const calm = await stack.preview("--expect-no-changes");
    assert.equal(calm.status, 0, calm.output);
  });

  it("says how to restore an image that is gone from the host and the registry, which works", async () => {
    const { web } = await stack.containers();
    const image = await engine(stack.host, "inspect", "--format", "{{.Image}}", web!.id);
    await engine(stack.host, "rm", "-f", web!.id);
    await engine(stack.host, "rmi", "-f", image);
    const repositories = "/var/lib/registry/docker/registry/v2/repositories";
    const forget = `set -- $(find ${repositories} -type d -name ${stack.project}-web) && rm -r "$@"`;
    await docker(["exec", (await sharedLab()).registry.container, "sh", "-c", forget]);
    const run = await stack.up();
    assert.notEqual(run.status, 0, run.output);
    assert.match(run.output, /it is no longer in the registry or on this host: run `pulumi up --refresh`/);
    assert.match(run.output, /release \w+ was not touched; web is missing/);
    const again = await stack.up("--refresh");
    assert.equal(again.status, 0, again.output);
    await eventually("the page", async () => (await stack.page()) === "<h1>first</h1>");
  });

  it("does not replace what another stack deployed, says whose it is, and replaces it when told to", async () => {
    const lab = await sharedLab();
    await using other = await TestStack.create(lab, { project: stack.project });
    const before = await stack.containers();

    const preview = await other.preview();
    assert.match(
      preview.output,
      new RegExp(`release \\w+ was deployed by .* \\(stack organization/everfresh/${stack.name}`),
    );
    const refused = await other.up();
    assert.notEqual(refused.status, 0);
    assert.match(refused.output, /everfresh:takeOver \w+/);
    assert.deepEqual(await stack.containers(), before);

    const { release } = await stack.outputs<{ release: string }>();
    await other.configure({ takeOver: release });
    await other.mustUp();
    const lost = await stack.up();
    assert.match(lost.output, new RegExp(`stack organization/everfresh/${other.name}`));
    assert.notEqual(lost.status, 0);
  });
});
