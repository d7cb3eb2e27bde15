import assert from "node:assert/strict";
import { parse } from "yaml";
import { RegistryError } from "../../../adapters/registry-error";
import { printed } from "../../support/compose";
import { named } from "../../support/graph";
import {
  deployed,
  leave,
  memoryOf,
  programOf,
  proved,
  type Run,
  refused,
  run,
  shop,
  staging,
  useShop,
  withoutMemory,
} from "./shop";

describe("the program, with a service that follows a tag", () => {
  useShop();
  let now: string | undefined;
  const [one, two] = ["1", "2"].map((digit) => `sha256:${digit.repeat(64)}`);
  const keepersOf = (run: Run) => named(run, "release-id").inputs.keepers as Record<string, string>;

  beforeEach(() => {
    now = one;
    shop.outside.registry = (name) => (name === "redis:7" ? now : undefined);
    const { compose } = shop.outside;
    shop.outside.compose = () => {
      const { resolved, ...text } = compose();
      const project = parse(resolved);
      project.services.redis.pull_policy = "always";
      return { ...text, ...printed(project, parse(text.written)) };
    };
  });

  it("deploys the tag's current image by its digest, and asks no host to pull the tag again", async () => {
    const first = await run();
    assert.match(programOf(first), new RegExp(`image: "redis:7@${one}"|"redis:7@${one}"`));
    assert.doesNotMatch(programOf(first), /pull_policy/);
    assert.deepEqual(memoryOf(first).followed, { redis: `redis:7@${one}` });
    deployed(first);
    const again = await run();
    assert.deepEqual(again.result, first.result);
    assert.deepEqual(keepersOf(again), keepersOf(first));
  });

  it("makes a new release when the tag has moved, and says so in preview as in `up`", async () => {
    const first = await run();
    deployed(first);
    now = two;
    for (const preview of [true, false]) {
      const { log } = await run({}, { preview });
      assert.ok(
        log.some(({ message }) => message === "redis: redis:7 now points to another image"),
        JSON.stringify(log),
      );
    }
    const before = keepersOf(first);
    const after = keepersOf(await run());
    assert.deepEqual({ ...after, "image redis": one }, before);
    assert.equal(after["image redis"], two);
  });

  it("refuses to deploy if nobody knows the tag's digest", async () => {
    now = undefined;
    await refused(run(), "services.redis.pull_policy: docker.io has no `redis:7`, or does not show it");
    shop.outside.registry = () => {
      throw new RegistryError(
        "unreachable",
        "docker.io: cannot be reached at x (ENOTFOUND); check the address",
      );
    };
    await refused(
      run({ promoteFrom: "staging" }),
      "services.redis.pull_policy: no registry says which image `redis:7` is now (docker.io: cannot be reached at x (ENOTFOUND)); try again, or",
    );
  });

  it("deploys what another stack has proved, and looks up only tags that the other stack does not follow", async () => {
    const there = proved(await run());
    leave(there, staging);
    now = two;
    const promoted = await run({ promoteFrom: "staging" });
    assert.deepEqual(memoryOf(promoted).followed, { redis: `redis:7@${one}` });

    leave({ ...there, result: { ...there.result, release: "another" } }, staging);
    await refused(
      run({ promoteFrom: "staging" }),
      "everfresh:promoteFrom: stack staging has not proved its latest image of redis; deploy it there first",
    );

    leave(withoutMemory(there), staging);
    assert.deepEqual(memoryOf(await run({ promoteFrom: "staging" })).followed, { redis: `redis:7@${two}` });
  });

  it("looks up no tag for a pinned release, and remembers the last digest", async () => {
    const first = await run();
    deployed(first);
    shop.outside.registry = () => assert.fail("the registry is asked");
    const pinned = await run({ release: first.result.release });
    assert.deepEqual(memoryOf(pinned).followed, memoryOf(first).followed);
  });
});
