import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { graph, isSecret, named, readable, reveal } from "../support/graph";

/** Checks that the stand-in for the engine does not hide errors. */
describe("graph", () => {
  const pet = (name: string, args: random.RandomPetArgs = {}, opts?: pulumi.CustomResourceOptions) =>
    new random.RandomPet(name, args, opts);

  it("records what is registered", async () => {
    const { resources, result } = await graph(
      () => {
        const first = pet("first", { prefix: pulumi.secret("s3cret") });
        const second = pet("second", { prefix: first.separator.apply((s) => `${s}x`) });
        const parent = new pulumi.ComponentResource("t:index:T", "parent", {}, { dependsOn: second });
        return { third: pet("third", {}, { parent }).prefix };
      },
      { provider: ({ name }) => ({ separator: "-", prefix: `${name}!` }) },
    );
    const [first, second, third] = ["first", "second", "third"].map((name) => named({ resources }, name));
    assert.ok(isSecret(first!.inputs.prefix));
    assert.equal(reveal(first!.inputs.prefix), "s3cret");
    assert.deepEqual(readable(first!.inputs), { prefix: "[secret]" });
    assert.deepEqual(second!.inputs, { prefix: "-x" });
    assert.deepEqual(second!.dependencies, ["first"]);
    assert.equal(third!.parent, "parent");
    assert.deepEqual(named({ resources }, "parent").dependencies, ["second"]);
    assert.deepEqual(result, { third: "third!" });
  });

  it("records hooks instead of hanging", async () => {
    const { resources } = await graph(() => {
      pet(
        "p",
        {},
        { hooks: { beforeCreate: [() => {}], onError: [new pulumi.ErrorHook("e", () => false)] } },
      );
    });
    assert.deepEqual(resources[0]!.hooks, { beforeCreate: 1, onError: 1 });
  });

  it("records what is logged", async () => {
    const { log } = await graph(() => void pulumi.log.warn("careful", pet("p")));
    assert.deepEqual(
      log.filter(({ severity }) => severity !== "debug"),
      [{ severity: "warning", message: "careful", resource: "p" }],
    );
  });

  it("throws what a provider throws", async () => {
    const provider = () => assert.fail("no engine");
    await assert.rejects(
      graph(() => void pet("p"), { provider }),
      /no engine/,
    );
  });

  it("throws what an apply throws, whether its Output is a result, an input or nothing", async () => {
    const failing = (pet: random.RandomPet) => pet.id.apply((): string => assert.fail("no digest"));
    await assert.rejects(
      graph(() => ({ digest: failing(pet("p")) })),
      /no digest/,
    );
    await assert.rejects(
      graph(() => void pet("q", { prefix: failing(pet("p")) })),
      /no digest/,
    );
    await assert.rejects(
      graph(() => void failing(pet("p"))),
      /no digest/,
    );
  });

  it("throws what the program throws", async () => {
    await assert.rejects(
      graph(async () => assert.fail("no hosts")),
      /no hosts/,
    );
  });

  it("distinguishes a preview from an update", async () => {
    const isPreview = async (preview: boolean) =>
      (await graph(() => pulumi.runtime.isDryRun(), { preview })).result;
    assert.deepEqual([await isPreview(true), await isPreview(false)], [true, false]);
  });
});
