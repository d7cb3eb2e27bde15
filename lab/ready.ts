import { connect } from "node:net";
import { docker } from "./docker";
import { eventually } from "./poll";
import type { Lab, LabHost, LabRegistry } from "./types";

type Reachable = Pick<LabHost, "name" | "container" | "address" | "port">;

/** Returns when the registry accepts its password. */
export async function waitForRegistry(registry: LabRegistry): Promise<void> {
  await eventually("lab registry", () => registryAnswers(registry));
}

/** Waits until the host's engine and its sshd answer, and returns the host key. */
export function waitForHost(host: Reachable): Promise<string> {
  return eventually(`lab ${host.name}`, () => hostAnswers(host));
}

/** Whether the registry and every host of the lab answer now. */
export async function isReady(lab: Lab): Promise<boolean> {
  const hosts = lab.hosts.map(async (host) => (await hostAnswers(host)) === host.hostKey);
  try {
    return (await Promise.all([registryAnswers(lab.registry), ...hosts])).every(Boolean);
  } catch {
    return false;
  }
}

async function registryAnswers({ address, username, password }: LabRegistry): Promise<boolean> {
  const login = Buffer.from(`${username}:${password}`).toString("base64");
  // Not AbortSignal.timeout: its timer does not keep the process alive, and fetch's own socket does not either.
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), 2_000);
  try {
    const answer = await fetch(`http://${address}/v2/`, {
      headers: { authorization: `Basic ${login}` },
      signal: late.signal,
    });
    return answer.ok;
  } finally {
    clearTimeout(timer);
  }
}

async function hostAnswers(host: Reachable): Promise<string | undefined> {
  const ask = "timeout 5 docker info >/dev/null && cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub";
  const key = await docker(["exec", host.container, "sh", "-c", ask]);
  return (await sshdAnswers(host)) ? key : undefined;
}

/** Waits for the server's first line, because Docker accepts connections to a published port before anything listens. */
function sshdAnswers({ address, port }: Reachable): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.setTimeout(5_000, () => answer(false));
    socket.once("error", () => answer(false));
    socket.once("close", () => answer(false));
    socket.once("data", (bytes) => answer(bytes.toString("latin1").startsWith("SSH-2.0-")));
  });
}
