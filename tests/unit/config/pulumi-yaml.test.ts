import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { parseSettings, settingKeys } from "../../../core/settings";

interface Declaration {
  type: string;
  description?: string;
  default?: unknown;
}

const declared: Record<string, Declaration> = parse(
  readFileSync(path.join(__dirname, "../../../Pulumi.yaml"), "utf8"),
).config;

describe("Pulumi.yaml", () => {
  it("declares exactly the existing settings", () => {
    assert.deepEqual(Object.keys(declared).sort(), [...settingKeys].sort());
  });

  it("declares the program's defaults", () => {
    const hosts = [{ name: "a", address: "a", user: "u", hostKey: "ssh-ed25519 AAAA" }];
    const least = { composeFile: "compose.yaml", hosts, registry: { address: "r" } };
    const defaults = Object.fromEntries(Object.entries(declared).map(([key, value]) => [key, value.default]));
    assert.deepEqual(parseSettings({ ...defaults, ...least }), parseSettings(least));
  });

  it("declares a default for each key, which every stack would otherwise have to set", () => {
    const kind = (value: unknown) => (Array.isArray(value) ? "array" : typeof value);
    for (const [key, { type, default: value }] of Object.entries(declared)) {
      assert.equal(kind(value), type === "integer" ? "number" : type, key);
    }
  });

  it("describes each key", () => {
    for (const [key, { description }] of Object.entries(declared))
      assert.match(description ?? "", /.+\.$/, key);
  });
});
