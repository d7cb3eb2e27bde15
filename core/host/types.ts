import type { FileOnDisk } from "../file-bytes";

/**
 * The contract between the program and the host's half (`remote/*.sh`): what a release is, what a host is asked to do,
 * and what a host reports about itself.
 */

/** One release: everything a host needs to run the project, and the unit of rollback. Immutable once staged. */
export interface Release {
  /** Names the release directory; matches `^[a-z0-9][a-z0-9-]{0,62}$`. */
  id: string;
  /** The compose project's name; matches `^[a-z0-9][a-z0-9_-]*$` (compose's own rule). */
  project: string;
  /** The tag under which its images were pushed, for people. */
  tag: string;
  /** The git commit (40 hex digits) of the working tree, if it is one, and whether the tree differed from it. */
  commit?: string;
  dirty?: boolean;
  /**
   * The rendered compose file: every image by digest, every referenced file under `./store/<fingerprint>/<name>`,
   * relative to the project's folder on the host (compose runs with `--project-directory` set to it).
   */
  compose: string;
  files: ReleaseFile[];
  /** What it mounts of the host's own below the project's folder there. */
  hostPaths?: HostPath[];
  /** Dependencies before those that depend on them. */
  services: ReleaseService[];
  /** The networks of the compose file. */
  networks: ReleaseNetwork[];
  /** The named volumes of the compose file. */
  volumes: ReleaseVolume[];
  /** The ports of the host that its containers publish. */
  ports: HostPort[];
}

export interface ReleaseNetwork {
  /** Its name on the host. */
  name: string;
  external: boolean;
  /** Names the definition that it is to be made from; absent where compose's defaults are all there is. */
  definition?: string;
}

export interface ReleaseVolume {
  /** Its name on the host. */
  name: string;
  external: boolean;
  driver: string;
  options: Record<string, string | number>;
}

/** A port of the host, or a range of them, on one address or (an empty one) on all. */
export interface HostPort {
  protocol: "tcp" | "udp";
  first: number;
  last: number;
  address: string;
}

/** A file or folder of the host that containers write to; it stays there whatever is deployed. */
export interface HostPath {
  /** Relative to the project's folder on the host, `mounts/…`; no `|`, no control characters. */
  path: string;
  kind: "file" | "folder";
  /** Whether it is made, empty, where it is missing; else a deployment is refused there. */
  made: boolean;
  /** Which services mount it, and where in the container. */
  users: { service: string; target: string }[];
}

/** A file or a folder that the compose file mounts; it never changes under its fingerprint. */
export interface ReleaseFile {
  /** 64 hex digits over names, modes and bytes; keyed, so that it tells nothing about a secret's value. */
  fingerprint: string;
  /** Its path as the compose file gives it, for people. */
  path: string;
  /** What lies under `store/<fingerprint>/`, parents before children. */
  entries: ReleaseFileEntry[];
}

export type ReleaseFileEntry =
  | {
      type: "file";
      path: string;
      executable: boolean;
      /** Whether nobody but its owner may read it. */
      private?: boolean;
      /** Owner and mode in containers; default the host's user, as it is. */
      access?: FileAccess;
      bytes: Buffer | FileOnDisk;
    }
  | { type: "directory"; path: string }
  | { type: "symlink"; path: string; target: string };

/** Numbers, as in containers; `mode` has the permission bits. */
export interface FileAccess {
  uid: number;
  gid: number;
  mode: number;
}

export interface ReleaseService {
  /** Compose's rule for names: `^[a-zA-Z0-9._-]+$`. */
  name: string;
  /** The image as the rendered compose file names it; `repository@sha256:…` for every service that is built. */
  image: string;
  /** Content hash (64 hex digits) of a service that is built; absent for an image that was only named. */
  content?: string;
  /** The manifest digest that was pushed, `sha256:` and 64 hex digits; present exactly when `content` is. */
  digest?: string;
  /** The image's layers, where the registry told them: for the check of free disk. */
  layers?: Layers;
  /** How many containers are wanted (compose's `deploy.replicas` / `scale`). */
  replicas: number;
  /** Services that compose restarts whenever this one is recreated (`depends_on` with `restart: true`). */
  restarts?: string[];
  lifetime: Lifetime;
  /** What it waits for before it starts. */
  needs: Need[];
  /** What only one running container of a host can have. */
  claims: Claim[];
  /** Fingerprints of the files it uses. */
  files: string[];
  /** Further checks, from `x-everfresh.verify`; empty when the healthcheck is all there is. */
  verify: Check[];
}

/** `ends`: others wait for its end. `lasts`: it has to keep running. `either`: it may end, with status 0. */
export type Lifetime = "ends" | "lasts" | "either";

/** Another service, and the state in which it has to be. */
export interface Need {
  service: string;
  until: "started" | "healthy" | "ended";
}

export type Claim =
  | { kind: "name"; name: string }
  | { kind: "port"; protocol: string; port: number; address: string }
  | { kind: "address"; address: string };

/**
 * An image's layers from the bottom up, each as `<first 12 hex digits of its diff ID>=<compressed size in bytes>`,
 * separated by spaces. The diff ID (of the unpacked layer) is what an engine knows a layer by.
 */
export type Layers = string;

/** One check of `x-everfresh.verify`. */
export type Check =
  /** GET on the container's own port from the host; the status must be `status`, and the body contain `body`. */
  | { kind: "http"; port: number; path: string; status: number; body?: string }
  /** A command in the container that must exit 0. */
  | { kind: "command"; command: string[] }
  /** A file in the container that must contain a text. */
  | { kind: "file"; path: string; contains: string };

/** What a deployment is told beside the release itself. Nothing of it is kept in the release directory. */
export interface DeployRequest {
  /** The release to run, sent whole; or the id of one that the host still keeps (rollback). */
  release: Release | { kept: string; project: string };
  /** The folder of all projects on the host; default `~/.everfresh`. */
  remoteDir?: string;
  /** Written on the host by the deployment's last act; the probe echoes it while all is well. One line. */
  token: string;
  /** Names the Pulumi state this deployment comes from (random, stable for a stack's life). */
  lineage: string;
  /**
   * The foreign release (of another lineage) that may be replaced, or `unmanaged` for containers that everfresh did not
   * deploy; without it such a host is refused.
   */
  takeOver?: string;
  /** The stack's name for this host; one that is renamed is not taken down under its old name. */
  host: string;
  /** For the ledger: `user`, `machine`, and the stack's full name. */
  who: string;
  from: string;
  stack: string;
  registry?: { address: string; username?: string; password?: string; insecure: boolean };
  /** How many releases stay on the host, the current one included. */
  keepReleases: number;
  /** How long to wait for another deployment's lock, in seconds. */
  lockWait: number;
  /** How long the containers may take to be healthy, in seconds. */
  healthTimeout: number;
  /** How long those without a healthcheck must then stay up, in seconds. */
  settle: number;
}

/** What a deployment reports on stdout, as one line of JSON. */
export interface DeployResult {
  release: string;
  /** RFC 3339, UTC, the host's clock. */
  verifiedAt: string;
  /** `container` and `startedAt` are empty for a one-shot that had ended before and whose container is gone. */
  services: Record<string, { container: string; digest?: string; startedAt: string; health: string }>;
  /** Seconds per phase. */
  seconds: Record<string, number>;
}

/** What runs on a host now, as one probe (one SSH round trip) found it. Facts only; `judge` draws the conclusions. */
export interface HostState {
  /** The current release, as its manifest on the host says; undefined when nothing was ever deployed. */
  current?: ReleaseManifest;
  /** The token that the last successful deployment wrote. */
  token?: string;
  lineage?: string;
  /** The name that the stack had for this host then. */
  host?: string;
  /** Set while a deployment is under way, or was cut off. */
  unfinished?: { release: string; since: string; who: string; locked: boolean };
  /** Who holds the host's lock just now. */
  holder?: { release: string; since: string; who: string; from: string };
  /** Names the last successful deployment, also when its release is one that ran before. */
  deployment?: string;
  /** What ran when the current release was proved: one entry per container. */
  proved: ProvedContainer[];
  /** Where nothing is deployed: what tells this emptiness from an earlier one (engine, and since when). */
  emptySince?: string;
  /** The containers of the compose project, one-off ones (`compose run`) left out. */
  containers: HostContainer[];
  /** Volumes that hide files of the current release's images. */
  hidden: CoveringVolume[];
  /** Named volumes over paths at which the current release's images have files: they will hide those of the next image. */
  covers: CoveringVolume[];
  /** Files of the current release whose bytes are not what was staged. */
  tampered: string[];
  /** Records in the project's folder that cannot be read: what they say is not known. */
  damaged: string[];
  /** Why the engine could not be asked, in its own words. */
  engineError?: string;
}

export interface CoveringVolume {
  service: string;
  /** Its name on the host; empty for an anonymous one. */
  volume: string;
  /** In the container. */
  path: string;
}

export interface ProvedContainer {
  service: string;
  imageId: string;
  configHash: string;
  /** `exited` for a one-shot service that ended with status 0. */
  state: "running" | "exited";
}

export interface HostContainer {
  id: string;
  service: string;
  /** The image ID the container was created from, and the manifest digests under which the host knows it. */
  imageId: string;
  digests: string[];
  state: string;
  health?: string;
  exitCode: number;
  startedAt: string;
  /** How often docker restarted it by itself: all in all, and since the proof as far as that tells. */
  restarts: number;
  restartsSinceProof?: number;
  /** Compose's own hash of the service's configuration, from the container's label. */
  configHash: string;
  /** The container's name, if it only carries the project's labels: neither compose made it from this folder, nor is it one
   * that was proved. */
  stranger?: string;
}

/** `manifest.json` of a release: the release without file contents and without any secret. */
export interface ReleaseManifest {
  id: string;
  project: string;
  tag: string;
  commit?: string;
  dirty?: boolean;
  deployedAt?: string;
  who: string;
  from: string;
  stack: string;
  services: ManifestService[];
  files: { path: string; fingerprint: string }[];
}

/** A service as the manifest has it. */
export type ManifestService = Omit<ReleaseService, "lifetime" | "needs" | "claims" | "verify">;
