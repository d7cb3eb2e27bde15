import * as v from "valibot";
import { otherStrategy, type Strategy, strategies } from "./compose/options";
import { problem, refuse } from "./problems";
import { flag, host, imageName, oneLine, registry, text, whole } from "./settings-fields";
import { notATag, tagPattern } from "./tag";
import { notASetting, wording } from "./wording";

/** A stack's configuration as declared in `Pulumi.yaml`: checked, with defaults filled in. */
export interface Settings {
  composeFiles: string[];
  projectName?: string;
  envFile?: string;
  hosts: Host[];
  registry?: Registry;
  transport: Transport;
  /** How containers are replaced, for services that do not choose themselves. */
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

/** How images reach the hosts: pulled from a registry, or from one on this machine through the SSH connection. */
export type Transport = "registry" | "ssh";

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
  /** Given if everfresh runs this registry itself, on this machine, while it deploys. */
  local?: LocalRegistry;
}

export interface LocalRegistry {
  /** The port of 127.0.0.1 that it listens on. */
  port: number;
  /** The image to run it from if this machine has no program for it. */
  image: string;
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
  transport: v.optional(v.picklist(["registry", "ssh"], "must be `registry` or `ssh`"), "registry"),
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
  const overSsh = given.transport === "ssh";
  // Building and promoting need a registry; a kept release is already on the hosts.
  const needsRegistry = given.release === undefined && !overSsh;
  const required = { hosts: [], ...(needsRegistry ? { registry: {} } : {}) };
  const { registry: own, ...others } = given;
  const result = v.safeParse(schema, { ...required, ...(overSsh ? others : given) });
  refuse([
    ...firstPerSetting(result.issues ?? []).map((issue) => issueProblem(issue)),
    ...(overSsh ? ownRegistryProblems(own) : registryImageProblems(own)),
    ...conflicts(given),
  ]);

  const { composeFile, registry, ...rest } = result.output as Parsed;
  return {
    ...rest,
    composeFiles: composeFile,
    ...(overSsh ? { registry: ownRegistry(own) } : pulled(registry)),
  };
}

const pulled = (registry: Parsed["registry"]): { registry?: Registry } => {
  if (registry === undefined) return {};
  const { image: _, ...given } = registry;
  return { registry: { ...given, pullAddress: registry.pullAddress ?? registry.address } };
};

const notAPort = "must be a port of this machine, such as `127.0.0.1:27180`";
const portOf = (address: string) => Number(address.slice(address.indexOf(":") + 1));
const unused = v.optional(v.never());

/** What can be set about the registry that everfresh runs itself. */
const ownRegistrySchema = v.strictObject({
  address: v.optional(
    v.pipe(
      text,
      v.regex(/^(localhost|127\.0\.0\.1):\d{1,5}$/, notAPort),
      v.check((address) => portOf(address) > 0 && portOf(address) < 65536, notAPort),
    ),
    "127.0.0.1:27180",
  ),
  image: v.optional(imageName, "registry:2.8.3"),
  // Each is an entry, so that each has a problem of its own.
  ...{ pullAddress: unused, username: unused, password: unused, insecure: unused },
});

const notOverSsh = ["pullAddress", "username", "password", "insecure"];

function ownRegistryProblems(given: unknown): string[] {
  const issues = v.safeParse(ownRegistrySchema, given ?? {}).issues ?? [];
  return firstPerSetting(issues).map((issue) => {
    const key = v.getDotPath(issue);
    if (key === "address")
      return problem(
        "everfresh:registry.address",
        wording(issue),
        setWith("registry.address", "127.0.0.1:27180"),
      );
    if (key === null || !notOverSsh.includes(key)) return issueProblem(issue, "registry.");
    const where = `everfresh:registry.${key}`;
    return problem(
      where,
      "is not used with `transport: ssh`, which needs no registry",
      `remove it with \`pulumi config rm --path '${where}'\``,
    );
  });
}

/** The image is for the registry that everfresh runs itself. */
function registryImageProblems(given: unknown): string[] {
  if (!isObject(given) || given.image === undefined) return [];
  const where = "everfresh:registry.image";
  return [
    problem(
      where,
      "is used only with `transport: ssh`",
      `remove it with \`pulumi config rm --path '${where}'\``,
    ),
  ];
}

function ownRegistry(given: unknown): Registry {
  const { address, image } = v.parse(ownRegistrySchema, given ?? {});
  const local = { port: portOf(address), image };
  return { address, pullAddress: address, insecure: false, local };
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

function issueProblem(issue: v.BaseIssue<unknown>, above = ""): string {
  const below = (issue.path ?? []).reduce(
    (text, { key }) => (typeof key === "number" ? `${text}[${key}]` : text ? `${text}.${key}` : String(key)),
    "",
  );
  const path = above + below;
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
