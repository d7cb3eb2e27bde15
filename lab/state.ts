import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Lab, LabHost } from "./types";

const root = path.join(__dirname, "..", ".everfresh", "lab");

/** What `lab.json` keeps of a lab: all but its functions. */
type Kept = Omit<Lab, "hosts"> & { hosts: Omit<LabHost, "url">[] };

/** @throws RangeError when the name cannot name a folder and a container. */
export function folderOf(name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name))
    throw new RangeError(`lab ${JSON.stringify(name)}: not a name; use at most 31 of a-z, 0-9 and -`);
  return path.join(root, name);
}

/** Names a lab's Docker objects: its name and a hash of this checkout, as another checkout can have a lab of the same name. */
export function idOf(name: string): string {
  return `${name}-${createHash("sha256").update(folderOf(name)).digest("hex").slice(0, 6)}`;
}

/** The lab as `save` left it, or undefined. */
export async function load(name: string): Promise<Lab | undefined> {
  let text: string;
  try {
    text = await readFile(path.join(folderOf(name), "lab.json"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const kept: Kept = JSON.parse(text);
  return { ...kept, hosts: kept.hosts.map(withUrl) };
}

/** Writes the lab's folder, readable by its owner only: `lab.json`, and what `ssh -F` needs to log in by hand. */
export async function save(lab: Lab): Promise<void> {
  const folder = folderOf(lab.name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = (name: string, text: string) => writeFile(path.join(folder, name), text, { mode: 0o600 });
  let config = "";
  for (const host of lab.hosts) {
    await file(`${host.name}.key`, host.privateKey);
    await file(`${host.name}.known_hosts`, `[${host.address}]:${host.port} ${host.hostKey}\n`);
    config += [
      `Host ${host.name}`,
      `  HostName ${host.address}`,
      `  Port ${host.port}`,
      `  User ${host.user}`,
      `  IdentityFile "${path.join(folder, `${host.name}.key`)}"`,
      "  IdentitiesOnly yes",
      `  UserKnownHostsFile "${path.join(folder, `${host.name}.known_hosts`)}"`,
      "  HostKeyAlgorithms ssh-ed25519",
      "",
    ].join("\n");
  }
  await file("ssh_config", config);
  await file("lab.json.new", JSON.stringify(lab, null, 2));
  await rename(path.join(folder, "lab.json.new"), path.join(folder, "lab.json"));
}

export async function forget(name: string): Promise<void> {
  await rm(folderOf(name), { recursive: true, force: true });
}

/** The names of this checkout's labs, including those that never came up. */
export async function names(): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** Adds `url` to a host. */
export function withUrl(host: Omit<LabHost, "url">): LabHost {
  return {
    ...host,
    url(port) {
      const published = host.ports[port];
      if (published) return `http://127.0.0.1:${published}`;
      const known = Object.keys(host.ports).join(", ");
      throw new RangeError(`lab ${host.name}: port ${port} cannot be reached from here; use one of ${known}`);
    },
  };
}
