import assert from "node:assert/strict";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { engine } from "../../lab/faults";
import { eventually } from "../../lab/poll";
import { withTools } from "../../lab/pulumi/environment";
import { lab } from "../support/lab";
import { TestStack } from "../support/stack";
import { officialHome } from "./official-home";

/** Runs the whole program with the official Pulumi, and with the engine and the stand-ins. */
const home = officialHome();
const tools = {
  official: {
    ...process.env,
    PULUMI_HOME: home,
    PATH: `${path.join(home, "bin")}${path.delimiter}${process.env.PATH}`,
  },
  "stand-ins": withTools(),
};

describe("a program with official parts and with stand-ins", function () {
  this.timeout(600_000);

  it("behaves the same from its first up to its destroy", async () => {
    assert.deepEqual(await life(tools["stand-ins"]), await life(tools.official));
  });

  for (const [first, second] of [
    ["official", "stand-ins"],
    ["stand-ins", "official"],
  ] as const) {
    it(`can switch from ${first} to ${second} and back without changes`, async () => {
      await using stack = await TestStack.create(await lab());
      stack.tools = tools[first];
      await stack.mustUp();
      stack.tools = tools[second];
      const { status, output } = await stack.preview("--expect-no-changes");
      assert.equal(status, 0, output);
      await stack.pulumi("refresh", "--yes", "--skip-preview");
      assert.equal((await stack.preview("--expect-no-changes")).status, 0);
      await stack.write("web/index.html", "<h1>another</h1>\n");
      await stack.mustUp();
      stack.tools = tools[first];
      assert.equal((await stack.preview("--expect-no-changes")).status, 0);
      assert.equal(await stack.page(), "<h1>another</h1>");
    });
  }
});

/** What each step shows: its plan, how it ends, and the state after it. */
async function life(environment: NodeJS.ProcessEnv): Promise<Record<string, unknown>> {
  await using stack = await TestStack.create(await lab());
  stack.tools = environment;
  const seen: Record<string, unknown> = {};
  const status = async (step: string, run: Promise<{ status: number; output: string }>) => {
    seen[step] = (await run).status;
  };

  seen["the first plan"] = await stack.plan();
  await status("the first up", stack.up());
  seen["the state"] = await state(stack);
  await status("a preview without changes", stack.preview("--expect-no-changes"));

  await stack.write("web/index.html", "<h1>changed</h1>\n");
  seen["the plan of a change"] = await stack.plan();
  await status("a preview with changes", stack.preview("--expect-no-changes"));
  await status("the up of a change", stack.up());
  await status("a refresh", stack.pulumi("refresh", "--yes", "--skip-preview"));
  await status("a preview after a refresh", stack.preview("--expect-no-changes"));

  const dockerfile = await stack.read("web/Dockerfile");
  await stack.write("web/Dockerfile", `${dockerfile}\nRUN echo broken >&2; exit 3\n`);
  const broken = await stack.up();
  seen["a build that fails"] = [
    broken.status,
    /^.*: the build failed; its last lines:$/m.test(broken.output),
  ];

  for (const interrupts of [1, 2]) {
    // Its container takes a while to start, so that the interrupt comes during the deployment.
    await stack.write(
      "web/Dockerfile",
      dockerfile.replace(
        /CMD \[(.*)\]/,
        `CMD ["sh", "-c", "sleep ${3 + interrupts}; exec \\"$@\\"", "sh", $1]`,
      ),
    );
    const { child, ended } = stack.start();
    await eventually("a container that starts", () => starting(stack));
    for (let i = 0; i < interrupts; i++) {
      child.kill("SIGINT");
      await sleep(500);
    }
    await status(`an up that is interrupted ${interrupts} times`, ended);
    seen[`what is pending after ${interrupts} interrupts`] = (await exported(stack)).pending;
    await stack.pulumi("cancel", "--yes");
    await status(`an up after ${interrupts} interrupts`, stack.up());
    await status(`a preview after ${interrupts} interrupts`, stack.preview("--expect-no-changes"));
  }

  await status("a destroy", stack.pulumi("destroy", "--yes", "--skip-preview"));
  seen["what is left"] = [Object.keys(await stack.containers()), (await exported(stack)).resources];
  return JSON.parse(JSON.stringify(seen).replaceAll(stack.name, "stack"));
}

async function starting({ host, project }: TestStack): Promise<boolean> {
  const filters = [`label=com.docker.compose.project=${project}`, "health=starting"];
  return (await engine(host, "ps", "-q", ...filters.map((filter) => `--filter=${filter}`))) !== "";
}

interface Resource {
  urn: string;
  inputs?: object;
  outputs?: object;
}

async function exported(stack: TestStack) {
  const { output } = await stack.pulumi("stack", "export");
  const { deployment } = JSON.parse(output) as {
    deployment: { resources?: Resource[]; pending_operations?: { type: string; resource: Resource }[] };
  };
  return {
    resources: (deployment.resources ?? []).map(({ urn, inputs, outputs }) => ({
      name: nameOf(urn),
      inputs,
      outputs,
    })),
    pending: (deployment.pending_operations ?? []).map(({ type, resource }) => [type, nameOf(resource.urn)]),
  };
}

const nameOf = (urn: string) => urn.split("::").slice(2).join("::");

/** The resources of the state with the names of their properties, and which of them are secret. */
async function state(stack: TestStack): Promise<Record<string, unknown>> {
  const { resources } = await exported(stack);
  return Object.fromEntries(
    resources
      .map(({ name, inputs, outputs }) => [name, { inputs: shapeOf(inputs), outputs: shapeOf(outputs) }])
      .sort(([a], [b]) => (a! < b! ? -1 : 1)),
  );
}

/** The names of what is set in a value, at any depth. A bridge to Terraform also lists what is not set. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return typeof value;
  if ("ciphertext" in value || "plaintext" in value) return "secret";
  if (Array.isArray(value)) return value.map(shapeOf);
  const set = Object.entries(value).filter(
    // Leaves out the plugins' notes to themselves, and `repoDigest`, which depends on what was pushed from here before.
    ([name, item]) =>
      !/^(__meta|__pulumi_raw_state_delta|__pulumi-go-provider-version|repoDigest)$/.test(name) &&
      !isUnset(item),
  );
  return Object.fromEntries(set.map(([name, item]) => [name, shapeOf(item)]).sort());
}

const isUnset = (value: unknown) => !value || (typeof value === "object" && Object.keys(value).length === 0);
