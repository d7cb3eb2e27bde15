import * as pulumi from "@pulumi/pulumi";
import { userError } from "./components/user-error";
import { Problems, problem, refuse } from "./core/problems";
import { parseSettings, type Settings } from "./core/settings";

/** Keys whose value is a list or an object. */
const structured = new Set(["hosts", "registry"]);

/**
 * The stack's configuration, checked.
 *
 * @throws Problems with everything that is wrong with it.
 */
export async function readSettings(): Promise<Settings> {
  const config = new pulumi.Config("everfresh");
  // All that is given, for a misspelled key to be noticed.
  const given = Object.keys(pulumi.runtime.allConfig()).flatMap(
    (key) => /^everfresh:(.+)$/.exec(key)?.[1] ?? [],
  );
  const entries = await Promise.all(
    given.map(async (key) => {
      const value = structured.has(key) ? config.getSecretObject<unknown>(key) : config.getSecret(key);
      return [key, value === undefined ? undefined : await plainValue(value)] as const;
    }),
  );
  const settings = parseSettings(Object.fromEntries(entries));
  refuse(plaintextSecrets(settings));
  return settings;
}

/** Configuration is known when the program starts; it is an Output only to be marked as secret. */
function plainValue<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => void output.apply((value) => resolve(value as T)));
}

/** A key or password that stands readable in `Pulumi.<stack>.yaml`. */
function plaintextSecrets(settings: Settings): string[] {
  const secretKeys = new Set<string>(JSON.parse(process.env.PULUMI_CONFIG_SECRET_KEYS ?? "[]"));
  const readable = (path: string) =>
    problem(
      `everfresh:${path}`,
      "is in plain text in the stack's configuration",
      `consider it known to others, replace it, and set it with \`pulumi config set --secret --path 'everfresh:${path}'\``,
    );
  const problems: string[] = [];
  if (!secretKeys.has("everfresh:hosts")) {
    for (const [i, { privateKey, proxyJump }] of settings.hosts.entries()) {
      if (privateKey !== undefined) problems.push(readable(`hosts[${i}].privateKey`));
      if (proxyJump?.privateKey !== undefined) problems.push(readable(`hosts[${i}].proxyJump.privateKey`));
    }
  }
  if (settings.registry?.password !== undefined && !secretKeys.has("everfresh:registry")) {
    problems.push(readable("registry.password"));
  }
  return problems;
}

/** Turns a user's mistake into one that Pulumi shows without a stack trace. */
export function withoutStackTrace(error: unknown): never {
  throw error instanceof Problems ? userError(error.message) : error;
}
