import { docker } from "./docker";
import { waitForHost, waitForRegistry } from "./ready";
import type { Lab, LabHost } from "./types";

/**
 * Runs a command on a host (not over SSH) and returns what it prints, without the last line end.
 *
 * @param options.user default `root`; `deploy` is the account that deployments use.
 * @throws DockerError when it fails, with `status`, `stdout` and `stderr`.
 */
export function exec(
  host: LabHost,
  argv: string[],
  { user = "root", input = "" }: { user?: string; input?: string } = {},
): Promise<string> {
  return docker(["exec", "--interactive", `--user=${user}`, host.container, ...argv], input);
}

/** Runs `docker …` on a host. */
export function engine(host: LabHost, ...argv: string[]): Promise<string> {
  return exec(host, ["docker", ...argv]);
}

/** Kills the host's Docker engine (SIGKILL) and keeps it down. Its containers go on running. */
export async function killEngine(host: LabHost): Promise<void> {
  await exec(host, ["sh", "-c", "touch /run/dockerd.off && pkill -KILL -x dockerd"]);
}

/** Starts the host's Docker engine after `killEngine` and returns when it answers. */
export async function startEngine(host: LabHost): Promise<void> {
  await exec(host, ["rm", "-f", "/run/dockerd.off"]);
  await waitForHost(host);
}

/** Simulates a power cut: kills every process of the host at once. Its disk stays. */
export async function killHost(host: LabHost): Promise<void> {
  await docker(["kill", host.container]);
}

/** Starts a host after `killHost` and returns when its engine and its sshd answer. Its address inside the lab may change. */
export async function startHost(host: LabHost): Promise<void> {
  await docker(["start", host.container]);
  await waitForHost(host);
}

/** Reboots a host in an orderly way. */
export async function restartHost(host: LabHost): Promise<void> {
  await docker(["restart", host.container]);
  await waitForHost(host);
}

/** Freezes every process of the host: it accepts connections and never answers. */
export async function pauseHost(host: LabHost): Promise<void> {
  await docker(["pause", host.container]);
}

export async function resumeHost(host: LabHost): Promise<void> {
  await docker(["unpause", host.container]);
}

/** Stops the registry; connections to it are refused or reset. */
export async function stopRegistry(lab: Lab): Promise<void> {
  await docker(["kill", lab.registry.container]);
}

/** Starts the registry after `stopRegistry` and returns when it answers. It still has every image that was pushed. */
export async function startRegistry(lab: Lab): Promise<void> {
  await docker(["start", lab.registry.container]);
  await waitForRegistry(lab.registry);
}
