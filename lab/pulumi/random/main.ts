import { randomBytes } from "node:crypto";
import { dependencies } from "../../../package.json";
import { type Properties, secret, unknown } from "../plugin/properties";
import type { ResourceType } from "../provider/resource-type";
import { serveProvider } from "../provider/serve-provider";

/** Secret random bytes. */
const bytes: ResourceType = {
  inputs: { length: true, keepers: true },
  replaces: () => true,
  detailedDiff: false,
  preview: (inputs) => ({ ...inputs, base64: unknown, hex: unknown }),
  async create(inputs) {
    const made = randomBytes(Number(inputs.length));
    const base64 = made.toString("base64");
    return {
      id: base64,
      properties: { ...inputs, base64: secret(base64), hex: secret(made.toString("hex")) },
    };
  },
};

const id: ResourceType = {
  inputs: { byteLength: true, keepers: true },
  replaces: () => true,
  detailedDiff: false,
  preview: (inputs) => ({
    ...inputs,
    ...Object.fromEntries(["id", "b64Std", "b64Url", "dec", "hex"].map((name) => [name, unknown])),
  }),
  async create(inputs) {
    const made = randomBytes(Number(inputs.byteLength));
    const [id, hex] = [made.toString("base64url"), made.toString("hex")];
    const properties: Properties = {
      ...inputs,
      id,
      b64Std: made.toString("base64"),
      b64Url: id,
      dec: BigInt(`0x${hex}`).toString(),
      hex,
    };
    return { id, properties };
  },
};

serveProvider({
  name: "random",
  version: dependencies["@pulumi/random"],
  acceptsResources: true,
  types: { "random:index/randomBytes:RandomBytes": bytes, "random:index/randomId:RandomId": id },
});
