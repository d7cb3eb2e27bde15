import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { imageLayers } from "../../adapters/registry";
import { historyProgram } from "../../core/host/requests";
import { pushedName } from "../../core/images";
import type { StackOutputs } from "../../core/release/deployed";
import { exec } from "../../lab/faults";
import { eventually } from "../../lab/poll";
import type { LabRegistry } from "../../lab/types";
import { buildBase } from "../support/lab";
import { TestStack } from "../support/stack";
import { ownLab } from "./support/own-lab";
import { killPulumi } from "./support/pulumi";
import { longSeed, randomFrom } from "./support/random";
import { look } from "./support/shop";
import { runOn } from "./support/ssh";

const SEED = longSeed();
/** Kills at any instant, beside the two at given ones: `npm run test:faults` asks for them. */
const RANDOM = Number(process.env.EVERFRESH_KILLS ?? 0) > 100 ? 12 : 0;

describe("pulumi, killed with everything it started", function () {
  this.timeout(600_000);
  let stack: TestStack;
  let registry: LabRegistry;
  let dockerfile: string;
  let number = 0;
  /** Of a first deployment, in milliseconds; a later one is somewhat quicker. */
  let duration = 0;

  after(() => stack?.[Symbol.asyncDispose]());
  ownLab("pulumi", async (lab) => {
    await buildBase();
    registry = lab.registry;
    stack = await TestStack.create(lab);
    dockerfile = await stack.read("web/Dockerfile");
    await change();
    const started = Date.now();
    await stack.mustUp();
    duration = Date.now() - started;
  });
  const page = (of: number) => `<h1>page ${of}</h1>`;
  const state = () => look(stack.host, { project: stack.project });
  const webId = async () => (await stack.containers()).web?.id;

  /** The next working tree; `slow` seconds pass before its page is served. */
  async function change(slow = 0): Promise<void> {
    number += 1;
    await stack.write("web/index.html", `${page(number)}\n`);
    await stack.write(
      "web/Dockerfile",
      dockerfile.replace(/CMD \[(.*)\]/, `CMD ["sh", "-c", "sleep ${slow}; exec \\"$@\\"", "sh", $1]`),
    );
  }

  const moments: { name: string; slow?: number; atRandom?: boolean; arrived: () => Promise<unknown> }[] = [
    {
      name: "while the host waits for health",
      slow: 2,
      arrived: () =>
        eventually("a container that starts", async () =>
          (await state()).containers.some(
            ({ service, health }) => service === "web" && health === "starting",
          ),
        ),
    },
    {
      name: "while a container is being replaced",
      arrived: async () => {
        const before = await webId();
        await eventually("another container", async () => (await webId()) !== before);
      },
    },
    ...Array.from({ length: RANDOM }, (_, index) => ({
      name: `at any instant (${index + 1} of seed ${SEED})`,
      atRandom: true,
      arrived: () => sleep(randomFrom(SEED + index)() * duration),
    })),
  ];

  for (const { name, slow, atRandom = false, arrived } of moments) {
    it(`leaves the old or the new release, a free lock, and nothing that the next up cannot repair: ${name}`, async () => {
      const before = page(number);
      await change(slow);
      const { ended } = stack.start();
      await arrived();
      const killed = await killPulumi(stack);
      const { status } = await ended;
      const tooLate = atRandom && killed.length === 0;
      if (!tooLate) {
        assert.ok(killed.includes("pulumi"), `killed were ${killed.join()}`);
        assert.equal(status, -1);
      }

      // The host goes on by itself; a container that is being replaced serves nothing for a moment.
      const served = await eventually("a page", () => stack.page(), 10_000);
      assert.ok([before, page(number)].includes(served), served);
      const lock = `/home/deploy/.everfresh/${stack.project}/lock`;
      await eventually(
        "the host's lock",
        () => exec(stack.host, ["flock", "-n", lock, "true"]),
        20_000,
      ).catch(() => assert.fail("the host's lock is still held 20 s after the kill"));

      const again = await stack.up();
      if (again.status !== 0) {
        assert.match(again.output, /currently locked[\s\S]*`pulumi cancel`/);
        await stack.pulumi("cancel", "--yes");
        await stack.mustUp();
      } else assert.ok(atRandom, "the state is locked");

      assert.equal(await stack.page(), page(number));
      const { images, hosts, release } = await stack.outputs<{
        images: Record<string, { digest: string }>;
        hosts: {
          host1: { release: string; services: Record<string, { container: string; digest: string }> };
        };
        release: string;
      }>();
      const containers = await stack.containers();
      const proved = hosts.host1.services;
      assert.equal(hosts.host1.release, release);
      for (const service of ["api", "cache", "web"]) {
        assert.equal(proved[service]!.digest, images[service]!.digest, service);
        assert.equal(proved[service]!.container, containers[service]!.id, service);
      }
      const { drift, current } = await state();
      assert.deepEqual([drift, current?.id], [[], release]);
      const calm = await stack.preview("--expect-no-changes");
      assert.equal(calm.status, 0, calm.output);
    });
  }

  it("is recorded in the ledger once per deployment, the first with all that it pulled", async () => {
    const { stdout } = await runOn(stack.host, historyProgram({ project: stack.project }));
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const deployments = lines.map(({ deployment }) => deployment);
    assert.equal(new Set(deployments).size, deployments.length);
    const { images } = await stack.outputs<StackOutputs>();
    const layers = await Promise.all(
      Object.values(images).map(({ ref }) =>
        imageLayers(pushedName(ref, registry), undefined, { insecure: true, auth: registry }),
      ),
    );
    assert.equal(layers.length, 3);
    const sum = layers.flatMap((list) => list!).reduce((sum, { bytes }) => sum + bytes, 0);
    // The three have most of it from the same image, which travels once.
    assert.ok(lines[0].pulled > sum / 4 && lines[0].pulled < sum / 2, `${lines[0].pulled} of ${sum}`);
  });
});
