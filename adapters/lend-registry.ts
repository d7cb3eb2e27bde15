import { randomBytes } from "node:crypto";
import { lendProgram } from "../core/host/requests";
import type { DeployRequest, RegistryLogin } from "../core/host/types";
import { registryHost } from "../core/images";
import { problem } from "../core/problems";
import type { LocalRegistry, Registry } from "../core/settings";
import { runLasting } from "./lasting-verb";
import { useLocalRegistry } from "./local-registry";
import { hostLogin } from "./registry-access";
import { registryProxy } from "./registry-proxy";
import { type Connection, dial } from "./ssh-connection";
import { forwardBack } from "./ssh-forward";
import type { Asked } from "./verb";

/** What a host may read of the registry on this machine. */
export interface Readable {
  repositories: readonly string[];
  /** Called with the number of bytes that have been sent since the last call. */
  onSent?: (bytes: number) => void;
}

/**
 * Lends a host the registry from which it pulls images, for one deployment: until this process ends, or the connection does.
 * Does nothing if the host can reach the registry with what the request itself says.
 *
 * @throws Problems when the host cannot be reached, does not allow it, or cannot store the login.
 */
export async function lendRegistry(
  asked: Asked,
  request: DeployRequest,
  registry: Registry | undefined,
  readable: Readable,
): Promise<void> {
  if (registry?.local) return lendLocalRegistry(asked, request, registry.local, readable);
  if (registry === undefined || request.registry?.password !== undefined) return;
  // A release that the host keeps has its images there, so a login that cannot be read is no reason to refuse it.
  const isKept = "kept" in request.release;
  const login = await hostLogin(registry).catch((error) => {
    if (!isKept) throw error;
    return undefined;
  });
  if (login === undefined) return;
  const address = registryHost(registry.pullAddress);
  await lend(await connect(asked), asked, request, { address, ...login });
}

/**
 * Lets a host read this machine's registry, through a port of the host's loopback address and with a password that is valid
 * for this connection only. The registry starts when the host first asks for something.
 */
async function lendLocalRegistry(
  asked: Asked,
  request: DeployRequest,
  local: LocalRegistry,
  readable: Readable,
): Promise<void> {
  const connection = await connect(asked);
  const login = { username: "everfresh", password: randomBytes(24).toString("hex") };
  const open = () => useLocalRegistry(local).then(() => local.port);
  const proxy = registryProxy({ ...readable, ...login, open });
  const port = await forwardBack(connection.client, `${asked.where} (${asked.host.name})`, proxy);
  await lend(connection, asked, request, { address: `127.0.0.1:${port}`, ...login });
}

const connect = ({ host, where }: Asked): Promise<Connection> =>
  dial(host, where, { dialTimeout: 10_000, background: true });

/** @returns once the host has it. */
function lend(
  connection: Connection,
  { host, where }: Asked,
  { release, remoteDir, lineage }: DeployRequest,
  login: RegistryLogin,
): Promise<void> {
  const program = lendProgram({ project: release.project, remoteDir, lineage }, login);
  return new Promise((resolve, reject) => {
    const onData = () => {
      connection.unref();
      resolve();
    };
    const unable = (error?: Error) => {
      const what = `cannot be lent a registry (${error?.message ?? "the connection was closed"})`;
      return problem(`${where} (${host.name})`, what, "run `pulumi up` again");
    };
    runLasting(connection, host, program, onData, unable).catch(reject);
  });
}
