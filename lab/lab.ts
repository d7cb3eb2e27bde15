import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { DockerError, docker } from "./docker";
import {
  defaultEngine,
  type EngineName,
  engineText,
  type LabEngine,
  parseEngine,
  type Store,
} from "./engines";
import { labImage, nestedEngineOptions } from "./image";
import { newKeys } from "./keys";
import { freePorts } from "./ports";
import { isReady, waitForHost, waitForRegistry } from "./ready";
import * as state from "./state";
import type { Lab, LabHost, LabRegistry } from "./types";

export type { Lab, LabHost, LabRegistry };

export interface LabOptions {
  /** At most 31 of `a-z`, `0-9` and `-`. Default `default`. */
  name?: string;
  /** How many hosts, `host1`, `host2`, …; default 1. */
  hosts?: number;
  /** The hosts' Docker engine; default `stable`. */
  engine?: EngineName;
  /** The hosts' image store; default `classic`. */
  store?: Store;
}

/** Ports that a host can publish to this machine; fixed in advance, as Docker adds no port to an existing container. */
const hostPorts = [80, 8080, 8081, 8082, 8083, 8084, 8085, 8086, 8087, 8088, 8089];
const label = "dev.everfresh.lab";

/**
 * Brings a lab up and returns when its registry and every host's engine and sshd answer. If a lab of that name already
 * answers and has the requested hosts, it is returned unchanged, with everything that runs there. Any other is removed first.
 */
export async function up(options: LabOptions = {}): Promise<Lab> {
  const { name = "default", hosts = 1, engine = defaultEngine.engine, store = defaultEngine.store } = options;
  const kind = parseEngine(engineText({ engine, store }), `lab ${name}`);
  const image = await labImage(engine);
  const present = await read(name);
  const isSame = present?.image === image && present.store === store && present.hosts.length === hosts;
  if (isSame && (await isReady(present))) return present;
  for (let attempt = 1; ; attempt++) {
    await down(name);
    try {
      return await make(name, hosts, kind, image);
    } catch (error) {
      // Another process took a free port before Docker did.
      const portTaken = error instanceof DockerError && /already (allocated|in use)/.test(error.stderr);
      if (!portTaken || attempt === 3) throw error;
    }
  }
}

/**
 * Removes a lab: its containers, networks, volumes and files, and this machine's tags of the images that were pushed to
 * its registry. A lab that does not exist is not an error.
 */
export async function down(name: string): Promise<void> {
  const filter = `--filter=label=${label}=${state.idOf(name)}`;
  const found = async (...list: string[]) =>
    (await docker([...list, "--quiet", filter])).split("\n").filter(Boolean);
  const containers = await found("ps", "--all");
  if (containers.length > 0) await docker(["rm", "--force", "--volumes", ...containers]);
  const networks = await found("network", "ls");
  if (networks.length > 0) await docker(["network", "rm", ...networks]);
  const volumes = await found("volume", "ls");
  if (volumes.length > 0) await docker(["volume", "rm", "--force", ...volumes]);
  await forgetImages(name);
  await state.forget(name);
}

async function forgetImages(name: string): Promise<void> {
  const lab = await read(name);
  if (!lab) return;
  const filters = ["/*", "/*/*"].map((depth) => `--filter=reference=${lab.registry.address}${depth}`);
  const pushed = await docker(["images", "--format={{.Repository}}:{{.Tag}}", ...filters]);
  const names = pushed.split("\n").filter((image) => image !== "" && !image.endsWith(":<none>"));
  if (names.length > 0) await docker(["rmi", "--force", ...names]);
}

/** The lab of that name as it was when it came up, or undefined. Does not check whether it still runs. */
export function read(name: string): Promise<Lab | undefined> {
  return state.load(name);
}

/** The names of this checkout's labs, including incomplete ones left by a crash. */
export function list(): Promise<string[]> {
  return state.names();
}

async function make(name: string, count: number, kind: LabEngine, image: string): Promise<Lab> {
  // The folder comes first, so that `list` finds what a crash leaves behind.
  await mkdir(state.folderOf(name), { recursive: true, mode: 0o700 });
  const id = `everfresh-lab-${state.idOf(name)}`;
  const mark = `--label=${label}=${state.idOf(name)}`;
  await docker(["network", "create", mark, id]);
  const common = ["run", "--detach", mark, `--network=${id}`, "--tmpfs=/run:exec"];
  const nested = await nestedEngineOptions(image);
  const names = Array.from({ length: count }, (_, index) => `host${index + 1}`);
  const [registry, ...hosts] = await allOrFirstFailure([
    makeRegistry([...common, `--name=${id}-registry`], image, `${id}-registry`),
    ...names.map(async (host) => {
      const container = `${id}-${host}`;
      await docker(["volume", "create", mark, container]);
      const options = [...nested, `--volume=${container}:/var/lib/docker`, `--name=${container}`];
      return makeHost([...common, ...options], [image, "host", kind.store], host, container);
    }),
  ]);
  const lab: Lab = { name, image, ...kind, registry, hosts };
  await state.save(lab);
  return lab;
}

/** Like `Promise.all`, but waits until all have ended: nothing is still starting when a failure is cleaned up. */
async function allOrFirstFailure<T extends readonly unknown[]>(
  promises: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  await Promise.allSettled(promises);
  return (await Promise.all(promises)) as unknown as T;
}

async function makeRegistry(run: string[], image: string, container: string): Promise<LabRegistry> {
  const [port] = await freePorts(1);
  const registry: LabRegistry = {
    address: `127.0.0.1:${port}`,
    pullAddress: "registry:5000",
    username: "lab",
    password: randomBytes(16).toString("hex"),
    container,
  };
  await docker([...run, "--network-alias=registry", `--publish=${registry.address}:5000`, image, "registry"]);
  // On standard input, so that the password does not show in the process list.
  const hash = await docker(
    ["exec", "--interactive", container, "mkpasswd", "-m", "bcrypt", "-R", "5", "-s"],
    registry.password,
  );
  const write =
    "cat >/etc/docker/registry/htpasswd.new && cd /etc/docker/registry && mv htpasswd.new htpasswd";
  await docker(["exec", "--interactive", container, "sh", "-c", write], `${registry.username}:${hash}\n`);
  await waitForRegistry(registry);
  return registry;
}

async function makeHost(run: string[], machine: string[], name: string, container: string): Promise<LabHost> {
  const key = newKeys(`everfresh lab ${name}`);
  const [port = 0, ...published] = await freePorts(1 + hostPorts.length);
  const ports = Object.fromEntries(hostPorts.map((hostPort, index) => [hostPort, published[index]!]));
  const publish = Object.entries({ 22: port, ...ports }).map(
    ([to, from]) => `--publish=127.0.0.1:${from}:${to}`,
  );
  await docker([...run, `--hostname=${name}`, ...publish, ...machine]);
  const write = "umask 077 && mkdir .ssh && cat >.ssh/authorized_keys";
  await docker(
    ["exec", "--interactive", "--user=deploy", "--workdir=/home/deploy", container, "sh", "-c", write],
    `${key.public}\n`,
  );
  const host = {
    name,
    address: "127.0.0.1",
    port,
    user: "deploy",
    privateKey: key.private,
    container,
    ports,
  };
  const hostKey = await waitForHost(host);
  return state.withUrl({ ...host, hostKey });
}
