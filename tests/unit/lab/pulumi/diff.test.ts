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
      what: "added and deleted inputs",
      olds: { a: 1 },
      news: { b: 2 },
      expected: { a: "deleted", b: "added" },
    },
    { what: "no difference between null and absent", olds: { a: null }, news: {}, expected: {} },
    {
      what: "the path of a difference inside lists and maps",
      olds: { a: [{ b: "1" }, "x"] },
      news: { a: [{ b: "2" }] },
      expected: { "a[0].b": "updated", "a[1]": "deleted" },
    },
    {
      what: "names in brackets that are not identifiers",
      olds: { a: { "image web": "1" } },
      news: { a: { "image web": "2" } },
      expected: { 'a["image web"]': "updated" },
    },
    {
      what: "an unknown value as an update",
      olds: { a: { b: "1" } },
      news: { a: { b: unknown } },
      expected: { "a.b": "updated" },
    },
    {
      what: "a difference inside a secret as one update of all of it",
      olds: { a: secret({ b: "1", c: "2" }) },
      news: { a: secret({ b: "1", c: "3" }) },
      expected: { a: "updated" },
    },
    { what: "nothing for equal secrets", olds: { a: secret("1") }, news: { a: secret("1") }, expected: {} },
    {
      what: "a value that becomes secret as an update",
      olds: { a: "1" },
      news: { a: secret("1") },
      expected: { a: "updated" },
    },
    {
      what: "a value of another type as an update",
      olds: { a: ["1"] },
      news: { a: "1" },
      expected: { a: "updated" },
    },
    {
      what: "nothing for the Terraform bridge's __defaults",
      olds: { a: { __defaults: [] } },
      news: { a: { __defaults: ["b"] } },
      expected: {},
    },
  ];
  for (const { what, olds, news, expected } of table)
    it(`shows ${what}`, () => assert.deepEqual(changes(olds, news), expected));

  it("replaces the resource for the paths that require it, and names their inputs once", () => {
    const { inputs, replacing } = diff(
      { a: { b: "1", c: "1" }, d: "1" },
      { a: { b: "2", c: "2" }, d: "2" },
      { replaces: (path) => path.startsWith("a") },
    );
    assert.deepEqual({ inputs, replacing }, { inputs: ["a", "d"], replacing: ["a"] });
  });
});
