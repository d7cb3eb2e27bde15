import { isMarked, plain, secret, unknown } from "../../../lab/pulumi/plugin/properties";
import type { Case } from "../case";
import type { Outcome, ProviderPlugin } from "../provider";

const bytes = "random:index/randomBytes:RandomBytes";
const id = "random:index/randomId:RandomId";

/** How the values of a resource relate, because each of them is different every time. */
function relations(made: Outcome): object {
  if ("error" in made) return made;
  const properties = plain(made.properties);
  const bytes = Buffer.from(properties.hex as string, "hex");
  const forms: [string, string][] = [
    ["hex", bytes.toString("hex")],
    ["base64", bytes.toString("base64")],
    ["base64 for URLs", bytes.toString("base64url")],
    ["decimal", BigInt(`0x${bytes.toString("hex")}`).toString()],
  ];
  const formOf = (value: unknown) => forms.find(([, form]) => form === value)?.[0] ?? value;
  return {
    id: formOf(made.id),
    bytes: bytes.length,
    properties: Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, formOf(value)])),
    secrets: Object.keys(properties).filter((name) => isMarked(made.properties[name]!)),
  };
}

export const randomCases: Case<ProviderPlugin>[] = [
  {
    name: "says what it takes",
    ask: async (plugin) => plugin.capabilities,
  },
  {
    // For a resource that ignores all changes, the engine sends the inputs from the state.
    name: "finds no difference to inputs that it has checked before",
    ask: async (plugin) => {
      const answer = await plugin.check(id, { byteLength: 4, keepers: { a: "1" } });
      const olds = ("inputs" in answer && answer.inputs) || {};
      const again = await plugin.check(id, olds, olds);
      const news = ("inputs" in again && again.inputs) || {};
      return [answer, again, await plugin.diff(id, olds, news)];
    },
  },
  {
    name: "takes the inputs as they are",
    ask: async (plugin) => [
      await plugin.check(bytes, { length: 32 }),
      await plugin.check(bytes, { length: 32, keepers: { a: "1" } }),
      await plugin.check(id, { byteLength: 4, keepers: { "image web": "1", b: unknown } }),
      await plugin.check(id, { byteLength: 8 }),
    ],
  },
  {
    name: "sees a difference in keepers and length, and replaces for each",
    ask: async (plugin) => {
      const olds = { byteLength: 4, keepers: { a: "1", "image web": "x" } };
      return [
        await plugin.diff(id, olds, olds),
        await plugin.diff(id, olds, { byteLength: 4, keepers: { a: "2", "image web": "x" } }),
        await plugin.diff(id, olds, { byteLength: 4, keepers: { a: "1", "image web": "x", c: "" } }),
        await plugin.diff(id, olds, { byteLength: 4, keepers: { a: "1" } }),
        await plugin.diff(id, olds, { byteLength: 4 }),
        await plugin.diff(id, olds, { ...olds, byteLength: 8 }),
        await plugin.diff(id, olds, { ...olds, keepers: { a: "1", "image web": unknown } }),
        await plugin.diff(id, olds, { ...olds, keepers: unknown }),
        await plugin.diff(bytes, { length: 32 }, { length: 32 }),
        await plugin.diff(bytes, { length: 32 }, { length: 16 }),
      ];
    },
  },
  {
    name: "knows no value in preview",
    ask: async (plugin) => [
      await plugin.create(bytes, { length: 32 }, { preview: true }),
      await plugin.create(id, { byteLength: 4, keepers: { a: "1" } }, { preview: true }),
    ],
  },
  {
    name: "makes values that belong together",
    ask: async (plugin) => [
      relations(await plugin.create(bytes, { length: 32 })),
      relations(await plugin.create(id, { byteLength: 4, keepers: { a: "1" } })),
      relations(await plugin.create(id, { byteLength: 8 })),
    ],
  },
  {
    name: "reads and deletes by the state alone",
    ask: async (plugin) => {
      const state = { byteLength: 1, id: "AQ", b64Std: "AQ==", b64Url: "AQ", dec: "1", hex: "01" };
      const hidden = { length: 1, base64: secret("AQ=="), hex: secret("01") };
      return [
        await plugin.read(id, "AQ", state, { byteLength: 1 }),
        await plugin.delete(id, "AQ", state),
        await plugin.read(bytes, "AQ==", hidden, { length: 1 }),
        await plugin.delete(bytes, "AQ==", hidden),
      ];
    },
  },
];
