import * as v from "valibot";
import { otherStrategy, type Strategy, strategies } from "./compose/options";
import { problem, refuse } from "./problems";
import { notATag, tagPattern } from "./tag";
import { notASetting, wording } from "./wording";

/** A stack's configuration as declared in `Pulumi.yaml`: checked, with defaults filled in. */
export interface Settings {
  composeFiles: string[];
  projectName?: string;
  envFile?: string;
  hosts: Host[];
  registry?: Registry;
  /** How the containers of services are replaced that do not choose themselves. */
  strategy: Strategy;
  tag?: string;
  uniqueTag: boolean;
  fresh?: string;
  pullBase: boolean;
  forceRecreate?: string;
  promoteFrom?: string;
  release?: string;
  takeOver?: string;
  removeVolumes: boolean;
  keepReleases: number;
  remoteDir?: string;
  /** Seconds. */
  lockWait: number;
  healthTimeout: number;
  settle: number;
}

export interface SshEndpoint {
  address: string;
  port: number;
  user: string;
  /** One line of the host's public key, `ssh-ed25519 AAAA…`. */
  hostKey: string;
  /** An unencrypted private key in PEM. Default: use the SSH agent. */
  privateKey?: string;
}

export interface Host extends SshEndpoint {
  name: string;
  proxyJump?: SshEndpoint;
}

export interface Registry {
  /** Host, port and path under which images are pushed, such as `ghcr.io/acme`. */
  address: string;
  /** The same registry as the hosts reach it. */
  pullAddress: string;
  username?: string;
  password?: string;
  /** Plain HTTP. */
  insecure: boolean;
}

/** The paths in the setting `composeFile`. */
export function composeFilesIn(setting: string): string[] {
  return setting
    .split(",")
    .map((file) => file.trim())
    .filter((file) => file !== "");
}

/** The stack's configuration as read: text for plain keys, parsed JSON for structured ones. */
export type RawSettings = Record<string, unknown>;

const setWith = (key: string, value: string) =>
  `set it with \`pulumi config set --path 'everfresh:${key}' ${value}\``;
const setSecret = (key: string, source = "") =>
  `set it with \`pulumi config set --secret --path 'everfresh:${key}'${source}\``;

/** What to do about a key, by its path without indices. */
const advice: Record<string, (path: string) => string> = {
  composeFile: (p) => setWith(p, "compose.yaml"),
  hosts: () => setWith("hosts[0].address", "host.example.com"),
  "hosts.name": (p) => setWith(p, "web1"),
  "hosts.address": (p) => setWith(p, "host.example.com"),
  "hosts.user": (p) => setWith(p, "deploy"),
  "hosts.port": (p) => setWith(p, "22"),
  "hosts.hostKey": (p) =>
    `take the line that \`ssh-keyscan -t ed25519 <address>\` prints, compare it with the host's own, and ${setWith(p, "'ssh-ed25519 AAAA…'")}`,
  "hosts.privateKey": (p) => `load the key into an SSH agent, or ${setSecret(p, " < key-file")}`,
  registry: () => setWith("registry.address", "registry.example.com/team"),
  "registry.address": (p) => setWith(p, "registry.example.com/team"),
  "registry.password": (p) => setSecret(p),
  "registry.username": (p) => setWith(p, "ci"),
};

const text = v.pipe(v.string("must be a string"), v.trim(), v.minLength(1, "is empty"));
const flag = v.union(
  [
    v.boolean(),
    v.pipe(
      v.picklist(["true", "false"]),
      v.transform((s) => s === "true"),
    ),
  ],
  "must be true or false",
);
const whole = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number))], message),
    v.integer(message),
    v.minValue(min, message),
    v.maxValue(max, message),
  );
};
const oneLine = v.pipe(text, v.regex(/^[^\r\n]*$/, "must be one line"));
const hostKey = v.pipe(
  v.string("is required: without it any machine that answers would be trusted"),
  v.trim(),
  v.minLength(1, "is required: without it any machine that answers would be trusted"),
  // A line of `ssh-keyscan` begins with the host.
  v.transform((s) => s.replace(/^\S+ (?=(ssh|ecdsa)-)/, "")),
  v.check((s) => !s.startsWith("ssh-rsa"), "is an ssh-rsa key, which current servers refuse to prove"),
  v.regex(
    /^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*( .*)?$/,
    "is not one line of a public key such as `ssh-ed25519 AAAA…`",
  ),
);
const privateKey = v.pipe(
  v.string("must be a string"),
  v.regex(/-----BEGIN [A-Z ]*PRIVATE KEY-----/, "is not a private key"),
  v.transform((s) => (s.endsWith("\n") ? s : `${s}\n`)),
);
const endpoint = {
  address: v.pipe(text, v.regex(/^[A-Za-z0-9._:][A-Za-z0-9._:-]*$/, "is not a host name or an IP address")),
  port: v.optional(whole(1, 65535), 22),
  user: v.pipe(text, v.regex(/^[A-Za-z0-9._][A-Za-z0-9._-]*$/, "is not a user name")),
  hostKey,
  privateKey: v.optional(privateKey),
};
const host = v.strictObject({
  name: v.pipe(text, v.regex(/^[a-z0-9][a-z0-9-]*$/, "must be lower-case letters, digits and dashes")),
  ...endpoint,
  proxyJump: v.optional(v.strictObject(endpoint)),
});
const registryAddress = v.pipe(
  text,
  v.regex(
    /^[a-zA-Z0-9][a-zA-Z0-9.-]*(:\d+)?(\/[a-z0-9._-]+)*$/,
    "is not a registry address such as `registry.example.com:5000/team`, without a scheme",
  ),
);
const credentials = [["username"], ["password"]] as const;
const registry = v.pipe(
  v.strictObject({
    address: registryAddress,
    pullAddress: v.optional(registryAddress),
    username: v.optional(text),
    password: v.optional(v.pipe(v.string("must be a string"), v.minLength(1, "is empty"))),
    insecure: v.optional(flag, false),
  }),
  v.forward(
    v.partialCheck(
      credentials,
      ({ username, password }) => username === undefined || password !== undefined,
      "is missing for the username given",
    ),
    ["password"],
  ),
  v.forward(
    v.partialCheck(
      credentials,
      ({ username, password }) => password === undefined || username !== undefined,
      "is missing for the password given",
    ),
    ["username"],
  ),
);

const schema = v.strictObject({
  composeFile: v.pipe(v.string("is required"), v.transform(composeFilesIn), v.minLength(1, "is required")),
  projectName: v.optional(
    v.pipe(
      text,
      v.regex(/^[a-z0-9][a-z0-9_-]*$/, "must be lower-case letters, digits, dashes and underscores"),
    ),
  ),
  envFile: v.optional(text),
  hosts: v.pipe(v.array(host, "must be a list of hosts"), v.minLength(1, "is required: at least one host")),
  registry: v.optional(registry),
  transport: v.optional(v.literal("registry", "must be `registry`; `ssh` is not available yet"), "registry"),
  strategy: v.optional(v.picklist(strategies, otherStrategy), "recreate"),
  tag: v.optional(v.pipe(text, v.regex(tagPattern, notATag))),
  uniqueTag: v.optional(flag, false),
  fresh: v.optional(oneLine),
  pullBase: v.optional(flag, false),
  forceRecreate: v.optional(oneLine),
  promoteFrom: v.optional(
    v.pipe(
      text,
      v.regex(/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+){0,2}$/, "is not a stack name such as `staging`"),
    ),
  ),
  release: v.optional(v.pipe(text, v.regex(/^[a-z0-9][a-z0-9-]*$/, "is not the id of a release"))),
  takeOver: v.optional(
    v.pipe(text, v.regex(/^[a-z0-9][a-z0-9-]*$/, "is neither the id of a release nor `unmanaged`")),
  ),
  removeVolumes: v.optional(flag, false),
  keepReleases: v.optional(whole(1, 100), 5),
  remoteDir: v.optional(
    v.pipe(
      oneLine,
      v.regex(/^\//, "must be an absolute path on the host"),
      v.regex(/^[^:\p{Cc}]*$/u, "has a colon or a control character in it, which docker cannot mount"),
    ),
  ),
  lockWait: v.optional(whole(0, 86400), 600),
  healthTimeout: v.optional(whole(1, 86400), 120),
  settle: v.optional(whole(0, 3600), 10),
});

/** The keys of the configuration; `Pulumi.yaml` declares exactly these. */
export const settingKeys = Object.keys(schema.entries) as (keyof typeof schema.entries)[];

/**
 * Checks a stack's configuration.
 *
 * @throws Problems with all that is wrong; each names its key and what to do.
 */
export function parseSettings(raw: RawSettings | null): Settings {
  const given = Object.fromEntries(Object.entries(raw ?? {}).filter(([, value]) => !isUnset(value)));
  // Building and promoting need a registry; a kept release is already on the hosts.
  const required = { hosts: [], ...(given.release === undefined ? { registry: {} } : {}) };
  const result = v.safeParse(schema, { ...required, ...given });
  refuse([...firstPerSetting(result.issues ?? []).map(issueProblem), ...conflicts(given)]);

  const { composeFile, registry, transport: _, ...rest } = result.output as Parsed;
  return {
    ...rest,
    composeFiles: composeFile,
    ...(registry ? { registry: { ...registry, pullAddress: registry.pullAddress ?? registry.address } } : {}),
  };
}

type Parsed = v.InferOutput<typeof schema>;

/** Whether a value is empty, as `Pulumi.yaml` declares it for a key that has no default. */
function isUnset(value: unknown): boolean {
  return (
    value === undefined ||
    value === "" ||
    (typeof value === "object" && value !== null && Object.keys(value).length === 0)
  );
}

function firstPerSetting(issues: readonly v.BaseIssue<unknown>[]): v.BaseIssue<unknown>[] {
  const seen = new Set<string | null>();
  return issues.filter((issue) => {
    const path = v.getDotPath(issue);
    return seen.has(path) ? false : seen.add(path);
  });
}

function issueProblem(issue: v.BaseIssue<unknown>): string {
  const path = (issue.path ?? []).reduce(
    (text, { key }) => (typeof key === "number" ? `${text}[${key}]` : text ? `${text}.${key}` : String(key)),
    "",
  );
  const generic = path.replace(/\[\d+\]/g, "").replace(".proxyJump", "");
  const what = wording(issue);
  const todo =
    what === notASetting
      ? "correct its name or remove it"
      : (advice[generic]?.(path) ?? `correct it with \`pulumi config set --path 'everfresh:${path}' …\``);
  return problem(`everfresh:${path}`, what, todo);
}

/** Conflicts between two hosts. Works on raw settings, because the hosts may be invalid. */
function conflicts({ hosts }: RawSettings): string[] {
  const given: Record<string, unknown>[] = Array.isArray(hosts) ? hosts.filter(isObject) : [];
  const names = given.map(({ name }) => name).filter((name) => typeof name === "string");
  const machines = given.flatMap(({ address, port = 22, user, proxyJump }) => {
    const through = isObject(proxyJump) ? proxyJump.address : "";
    if (![address, user, through].every((text) => typeof text === "string") || typeof port === "object")
      return [];
    return `${user}@${address}:${port}${through ? ` through ${through}` : ""}`;
  });
  return [
    ...duplicates(names).map((name) =>
      problem("everfresh:hosts", `two hosts are named \`${name}\``, "give each a name of its own"),
    ),
    ...duplicates(machines).map((machine) =>
      problem("everfresh:hosts", `two hosts are ${machine}`, "remove one of them"),
    ),
  ];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

const duplicates = (texts: string[]) => [...new Set(texts.filter((text, i) => texts.indexOf(text) !== i))];
