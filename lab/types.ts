import type { EngineName, Store } from "./engines";

/** A registry with a password and one or more production hosts, as containers of this machine's Docker engine. */
export interface Lab {
  name: string;
  /** The image its machines were made from. */
  image: string;
  /** The Docker engine of its hosts. */
  engine: EngineName;
  store: Store;
  registry: LabRegistry;
  hosts: LabHost[];
}

export interface LabRegistry {
  /** `host:port` as this machine reaches it: a port of 127.0.0.1, which Docker allows without TLS. */
  address: string;
  /** `host:port` as the lab's hosts reach it; their engines list it as insecure. */
  pullAddress: string;
  username: string;
  password: string;
  container: string;
}

export interface LabHost {
  name: string;
  /** Where this machine reaches its sshd. */
  address: string;
  port: number;
  /** A member of the group `docker`, with no other rights. */
  user: string;
  /** One `ssh-ed25519 AAAA…` line. */
  hostKey: string;
  /** OpenSSH PEM text; every host has a key of its own. */
  privateKey: string;
  container: string;
  /** For each port of the host, the port of 127.0.0.1 at which this machine reaches it. */
  ports: Record<number, number>;
  /**
   * The address at which this machine reaches what the host publishes on one of its `ports`.
   * @throws RangeError for another port.
   */
  url(port: number): string;
}
