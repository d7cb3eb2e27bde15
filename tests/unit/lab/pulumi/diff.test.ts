import assert from "node:assert/strict";
import { type Properties, secret, unknown } from "../../../../lab/pulumi/plugin/properties";
import { diff } from "../../../../lab/pulumi/provider/diff";

const changes = (olds: Properties, news: Properties) =>
  Object.fromEntries(
    [...diff(olds, news, { replaces: () => false }).changes].map(([path, { change }]) => [path, change]),
  );

describe("a stand-in's diff", () => {
  const table: { what: string; olds: Properties; news: Properties; expected: Record<string, string> }[] = [
    { what: "nothing for equal inputs", olds: { a: [{ b: 1 }] }, news: { a: [{ b: 1 }] }, expected: {} },
    {
      what: "what came and what went",
      olds: { a: 1 },
      news: { b: 2 },
      expected: { a: "deleted", b: "added" },
    },
    { what: "null as absent", olds: { a: null }, news: {}, expected: {} },
    {
      what: "the path inside lists and maps",
      olds: { a: [{ b: "1" }, "x"] },
      news: { a: [{ b: "2" }] },
      expected: { "a[0].b": "updated", "a[1]": "deleted" },
    },
    {
      what: "names that are no identifiers in brackets",
      olds: { a: { "image web": "1" } },
      news: { a: { "image web": "2" } },
      expected: { 'a["image web"]': "updated" },
    },
    {
      what: "something unknown as another value",
      olds: { a: { b: "1" } },
      news: { a: { b: unknown } },
      expected: { "a.b": "updated" },
    },
    {
      what: "a secret as a whole",
      olds: { a: secret({ b: "1", c: "2" }) },
      news: { a: secret({ b: "1", c: "3" }) },
      expected: { a: "updated" },
    },
    { what: "an equal secret as equal", olds: { a: secret("1") }, news: { a: secret("1") }, expected: {} },
    {
      what: "what becomes a secret as another value",
      olds: { a: "1" },
      news: { a: secret("1") },
      expected: { a: "updated" },
    },
    { what: "another kind of value", olds: { a: ["1"] }, news: { a: "1" }, expected: { a: "updated" } },
    {
      what: "no note of a bridge's",
      olds: { a: { __defaults: [] } },
      news: { a: { __defaults: ["b"] } },
      expected: {},
    },
  ];
  for (const { what, olds, news, expected } of table)
    it(`shows ${what}`, () => assert.deepEqual(changes(olds, news), expected));

  it("replaces for the paths that ask for it, and names their inputs once", () => {
    const { inputs, replacing } = diff(
      { a: { b: "1", c: "1" }, d: "1" },
      { a: { b: "2", c: "2" }, d: "2" },
      { replaces: (path) => path.startsWith("a") },
    );
    assert.deepEqual({ inputs, replacing }, { inputs: ["a", "d"], replacing: ["a"] });
  });
});
