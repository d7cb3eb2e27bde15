import assert from "node:assert/strict";
import { engine } from "../../lab/faults";
import { client, ownProject, rolled } from "../integration/host-support/services";
import { deployAndKill, installStepper, type Kill } from "./support/kill";
import { deploy, requestFor } from "./support/shop";

const create = "docker compose * --no-start --no-recreate * web";
const start = "docker compose * -d --no-deps --no-recreate * web";
const KILLS: Kill[] = (
  [
    ["program", "before", create],
    ["session", "after", create],
    ["program", "after", start],
    ["session", "before", "docker stop *"],
    ["program", "after", "docker stop *"],
    ["session", "after", "docker rm -f *"],
  ] as const
).map(([victim, side, step]) => ({ victim, moment: { step, side } }));
/** docker starts the containers again that its killed engine had, so that these cannot answer all the time. */
const ENGINE_KILL: Kill = { victim: "engine", moment: { step: start, side: "after" } };

describe("a rollout that is killed", function () {
  this.timeout(600_000);
  const shop = ownProject("rollout-kills");
  const pages = ["one", "two"];

  /** Deploys a release, kills the deployment of the next one, deploys that again; returns what the clients got. */
  async function survive(kill: Kill, turn: number): Promise<string[]> {
    await shop.deployed({ web: rolled(pages[turn % 2]!), client: client() });
    const next = shop.release({ web: rolled(pages[(turn + 1) % 2]!), client: client() });
    const { hit, step } = await deployAndKill(shop.host, requestFor(shop.lab, next), kill);
    assert.ok(hit, `no such step: ${JSON.stringify(kill)}`);
    const again = await deploy(shop.host, requestFor(shop.lab, next));
    assert.equal(again.status, 0, `after a kill at ${step}: ${again.stderr}`);
    const names = await engine(shop.host, "ps", "-a", "--format", '{{.Label "com.docker.compose.service"}}');
    assert.deepEqual(names.split("\n").sort(), ["client", "web"], `after a kill at ${step}`);
    await shop.hasNoDrift();
    return (await shop.inState("cat /state/answers")).split("\n");
  }

  it("keeps answering, and the next deployment leaves the new container alone", async () => {
    await installStepper(shop.host);
    for (const [turn, kill] of KILLS.entries()) {
      const answers = new Set(await survive(kill, turn));
      assert.deepEqual([...answers].sort(), pages, JSON.stringify(kill));
    }
  });

  it("together with the engine is finished by the next deployment", async () => {
    await installStepper(shop.host);
    await survive(ENGINE_KILL, 0);
  });
});
