import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { readStackConfig } from "../../adapters/stack-file";
import { Problems, problem } from "../../core/problems";
import { parseSettings } from "../../core/settings";
import { fetchHostKey } from "../host-key";
import { project } from "../project";
import { askFor, askForSecret, confirm } from "../prompt";
import { selectStack, setConfig, setSecret } from "../pulumi/commands";
import { type ExitStatus, exit } from "../pulumi/outcome";
import { ask, show } from "../pulumi/run";
import type { Session } from "../session";
import { stackFile } from "../stack-file";
import { print } from "../terminal";

export interface InitOptions {
  file?: string;
  host?: string;
  port?: string;
  user?: string;
  hostKey?: string;
  acceptHostKey?: boolean;
  privateKey?: string;
  registry?: string;
  pullAddress?: string;
  insecureRegistry?: boolean;
  registryUsername?: string;
}

/** Not `prod`, because the checkout already has an example `Pulumi.prod.yaml`. */
export const defaultStack = "staging";

/** A file without hosts was made by Pulumi. A file whose host has no name was left by an unfinished `init`. */
export function describesStack(config: Record<string, unknown>): boolean {
  const hosts = config["everfresh:hosts"];
  return hosts !== undefined && !(Array.isArray(hosts) && hosts[0]?.name === undefined);
}

/** One write into the stack's configuration. */
export interface InitialSetting {
  key: string;
  value: string;
  secret?: true;
}

/** Creates a stack and its configuration, and asks for whatever is not given. */
export async function init(session: Session, options: InitOptions): Promise<ExitStatus> {
  const stack = session.stack ?? (session.interactive ? await askFor("Stack", defaultStack) : defaultStack);
  const file = stackFile({ ...session, stack })!;
  if (existsSync(file) && describesStack(readStackConfig(file))) {
    throw new Problems([
      problem(
        file,
        "already describes a stack",
        "change it with `pulumi config set`, or name another stack with --stack",
      ),
    ]);
  }
  const given = await complete(session, options);
  const settings = initialSettings(given);
  check(settings);

  await show(selectStack({ ...session, stack }), "stderr");
  const target = { ...session, stack };
  for (const { key, value, secret } of settings)
    await (secret ? ask(setSecret(target, key), { input: value }) : ask(setConfig(target, key, value)));
  print([
    `${path.relative(session.from, file)} describes the stack ${stack}. Next:`,
    `  everfresh doctor --stack ${stack}    is everything ready?`,
    `  everfresh preview --stack ${stack}   what would be done?`,
    `  everfresh deploy --stack ${stack}`,
  ]);
  return exit.done;
}

/** The complete answers, from options and questions. */
export interface Given {
  composeFile: string;
  address: string;
  port: number;
  user: string;
  hostKey: string;
  privateKey?: string;
  /** Empty: images go through the SSH connection. */
  registry: string;
  pullAddress?: string;
  insecure: boolean;
  username?: string;
  password?: string;
}

/**
 * The settings in the order in which they are written. Secrets come first, because they may fail (no passphrase), and the
 * host's name last: until it is there the file describes no stack, and `init` can be run again.
 */
export function initialSettings(given: Given): InitialSetting[] {
  const { composeFile, address, port, user, hostKey, privateKey } = given;
  const { registry, pullAddress, insecure, username, password } = given;
  const secrets = { "hosts[0].privateKey": privateKey, "registry.password": password };
  const plain = {
    composeFile,
    transport: registry ? undefined : "ssh",
    "registry.address": registry,
    "registry.pullAddress": pullAddress,
    "registry.insecure": insecure ? "true" : undefined,
    "registry.username": username,
    "hosts[0].address": address,
    "hosts[0].port": String(port),
    "hosts[0].user": user,
    "hosts[0].hostKey": hostKey,
    "hosts[0].name": hostName(address),
  };
  const known = (settings: Record<string, string | undefined>): InitialSetting[] =>
    Object.entries(settings).flatMap(([key, value]) => (value ? [{ key, value }] : []));
  return [...known(secrets).map((setting) => ({ ...setting, secret: true as const })), ...known(plain)];
}

/** `web1` for `web1.example.com`; `host1` for an IP address. */
export function hostName(address: string): string {
  const first = address.split(".")[0]!.toLowerCase();
  return /^[a-z][a-z0-9-]*$/.test(first) ? first : "host1";
}

/** @throws Problems that `pulumi up` would report, before anything is written. */
function check(settings: InitialSetting[]): void {
  const raw: Record<string, unknown> = {};
  const nested: { hosts: Record<string, string>[]; registry: Record<string, string> } = {
    hosts: [{}],
    registry: {},
  };
  for (const { key, value } of settings) {
    const [, group, name] = /^(hosts\[0\]|registry)\.(.+)$/.exec(key) ?? [];
    if (group === "registry") nested.registry[name!] = value;
    else if (group !== undefined) nested.hosts[0]![name!] = value;
    else raw[key] = value;
  }
  parseSettings({ ...raw, ...nested });
}

async function complete(session: Session, options: InitOptions): Promise<Given> {
  const missing: string[] = [];
  const text = async (flag: string, value: string | undefined, question: string, fallback?: string) => {
    if (value !== undefined) return value;
    if (session.interactive) return askFor(question, fallback);
    if (fallback === undefined)
      missing.push(problem(flag, "is missing, and nobody can be asked here", "add it"));
    return fallback ?? "";
  };
  const found = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"].find((name) =>
    existsSync(path.join(session.from, name)),
  );
  const file = path.resolve(session.from, await text("--file", options.file, "Compose file", found));
  const address = await text("--host", options.host, "Production host (name or address)");
  const port = await text("--port", options.port, "Port of its sshd", "22");
  const user = await text(
    "--user",
    options.user,
    "User to log in as (in the group docker)",
    session.interactive ? "deploy" : undefined,
  );
  const registry = await text(
    "--registry",
    options.registry,
    "Registry, with the path for images (empty: none, images go through the SSH connection)",
    "",
  );
  if (!existsSync(file) && missing.length === 0)
    missing.push(problem(file, "does not exist", "correct --file"));
  if (!/^\d{1,5}$/.test(port)) missing.push(problem("--port", `\`${port}\` is not a port`, "correct it"));
  if (missing.length > 0) throw new Problems(missing);

  const hostKey =
    options.hostKey ?? (await trustedKey(session, address, Number(port), options.acceptHostKey ?? false));
  const keyFile = await text(
    "--private-key",
    options.privateKey,
    "Private key file (empty: the SSH agent)",
    "",
  );
  const hasRegistry = registry !== "" || options.registryUsername !== undefined;
  const username = hasRegistry
    ? await text(
        "--registry-username",
        options.registryUsername,
        "Registry user (empty: docker's own login)",
        "",
      )
    : "";
  return {
    composeFile: path.relative(project, file),
    address,
    port: Number(port),
    user,
    hostKey,
    ...(keyFile ? { privateKey: await readKey(path.resolve(session.from, keyFile)) } : {}),
    registry,
    ...(options.pullAddress ? { pullAddress: options.pullAddress } : {}),
    insecure: options.insecureRegistry ?? false,
    ...(username ? { username, password: await registryPassword(session) } : {}),
  };
}

/** The key that the host shows, once the user has confirmed it. */
async function trustedKey(session: Session, address: string, port: number, accept: boolean): Promise<string> {
  const { line, fingerprint } = await fetchHostKey(address, port);
  process.stderr.write(`${address}:${port} shows the key ${fingerprint} (${line.split(" ")[0]})\n`);
  if (accept) return line;
  const where = `${address}:${port}`;
  const todo = `compare it with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` on the host itself, and give it with --host-key '${line}'`;
  if (!session.interactive) {
    throw new Problems([problem(where, "its key has not been confirmed", `${todo} (or --accept-host-key)`)]);
  }
  process.stderr.write("On the host itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\n");
  if (await confirm("Is the fingerprint the same there?")) return line;
  throw new Problems([problem(where, "its key was not confirmed", todo)]);
}

async function readKey(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new Problems([
      problem(
        "--private-key",
        `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`,
        "correct the path",
      ),
    ]);
  }
}

async function registryPassword(session: Session): Promise<string> {
  const given = process.env.EVERFRESH_REGISTRY_PASSWORD;
  if (given) return given;
  if (session.interactive) return askForSecret("Registry password");
  throw new Problems([
    problem(
      "EVERFRESH_REGISTRY_PASSWORD",
      "is not set, and nobody can be asked here",
      "set it to the registry's password",
    ),
  ]);
}
