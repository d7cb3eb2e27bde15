import * as pulumi from "@pulumi/pulumi";
import { readStackConfig } from "./adapters/stack-file";
import { parseJson } from "./core/parse";
import { problem, refuse } from "./core/problems";
import { parseSettings, type RawSettings, type Settings } from "./core/settings";
import { configFileVariable } from "./core/stack-file";

/** Keys whose value is a list or an object. */
const structured = new Set(["hosts", "registry"]);

/**
 * The stack's configuration, checked.
 *
 * @throws Problems with everything that is wrong with it.
 */
export async function readSettings(): Promise<Settings> {
  const config = new pulumi.Config("everfresh");
  // Every given key, so that misspelled ones are noticed.
  const given = Object.keys(pulumi.runtime.allConfig()).flatMap(
    (key) => /^everfresh:(.+)$/.exec(key)?.[1] ?? [],
  );
  const entries = await Promise.all(
    given.map(async (key) => {
      const secret = config.getSecret(key);
      const text = secret === undefined ? undefined : await plainValue(secret);
      return [key, text && structured.has(key) ? parseStructure(key, text) : text] as const;
    }),
  );
  const raw = Object.fromEntries(entries);
  const settings = parseSettings(raw);
  refuse(plaintextSecrets(raw));
  return settings;
}

/** Replaces Pulumi's own parser, whose error message quotes the text that it cannot read. */
const parseStructure = (key: string, text: string) =>
  parseJson(text, `everfresh:${key}`, "set it part by part, with `pulumi config set --path`");

/** Configuration is known when the program starts; it is an Output only because that marks it as secret. */
function plainValue<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => void output.apply((value) => resolve(value as T)));
}

/** Keys and passwords in plain text in the stack's configuration, under any setting. */
function plaintextSecrets(raw: RawSettings): string[] {
  const isSecret = secrecy(raw);
  return leaves(raw).flatMap(([keys, value]) => {
    const isMeant = /^(privateKey|password)$/.test(String(keys.at(-1))) || /PRIVATE KEY-----/.test(value);
    if (!isMeant || isSecret(keys)) return [];
    const path = keys
      .map((key, i) => (typeof key === "number" ? `[${key}]` : i > 0 ? `.${key}` : key))
      .join("");
    return problem(
      `everfresh:${path}`,
      "is in plain text in the stack's configuration",
      `consider it known to others, replace it, and set it with \`pulumi config set --secret --path 'everfresh:${path}'\``,
    );
  });
}

/**
 * Tells whether a value is stored encrypted. Pulumi says only which settings contain a secret somewhere; the stack's file
 * says so for each value, but only if it can be read and is the one that this run uses.
 */
function secrecy(raw: RawSettings): (keys: Keys) => boolean {
  const secret = new Set(secretKeys());
  const file = process.env[configFileVariable] || `Pulumi.${pulumi.getStack()}.yaml`;
  let written: Record<string, unknown> = {};
  try {
    const config = Object.entries(readStackConfig(file));
    written = Object.fromEntries(config.map(([key, value]) => [key.replace(/^everfresh:/, ""), value]));
  } catch {} // kept elsewhere
  const isThis = Object.keys(raw).every((key) => agree(written[key], raw[key]));
  return (keys) => {
    let at: unknown = isThis ? written : undefined;
    for (const key of keys) {
      at = child(at, key);
      if (isEncrypted(at)) return true;
    }
    return typeof at !== "string" && secret.has(`everfresh:${keys[0]}`);
  };
}

type Keys = (string | number)[];

/** The texts in a value, each with the keys that lead to it. */
function leaves(value: unknown, keys: Keys = []): [Keys, string][] {
  if (typeof value === "string") return [[keys, value]];
  if (typeof value !== "object" || value === null) return [];
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  return entries.flatMap(([key, each]) => leaves(each, [...keys, key]));
}

/** Whether a value from the file matches the value of this run, ignoring what is missing from the file or encrypted. */
function agree(written: unknown, value: unknown): boolean {
  if (written === undefined || isEncrypted(written)) return true;
  if (typeof written !== "object" || written === null) return String(written) === String(value);
  return Object.entries(written).every(([key, each]) => agree(each, child(value, key)));
}

const child = (value: unknown, key: string | number): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string | number, unknown>)[key]
    : undefined;

const isEncrypted = (value: unknown) => typeof child(value, "secure") === "string";

function secretKeys(): string[] {
  try {
    return JSON.parse(process.env.PULUMI_CONFIG_SECRET_KEYS ?? "[]");
  } catch {
    return [];
  }
}
