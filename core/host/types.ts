import type { FileOnDisk } from "../file-bytes";

/**
 * The contract between the Pulumi program and the host's program (`remote/*.sh`): what a release is, what a host is asked
 * to do, and what it reports about itself.
 */

/** One release: everything a host needs to run the project, and the unit of rollback. Immutable once staged. */
export interface Release {
  /** Names the release directory; matches `^[a-z0-9][a-z0-9-]{0,62}$`. */
  id: string;
  /** The compose project's name; matches `^[a-z0-9][a-z0-9_-]*$` (compose's own rule). */
  project: string;
  /** The readable tag under which its images were pushed. */
  tag: string;
  /** The git commit (40 hex digits) of the working tree, if it has one, and whether the tree differed from it. */
  commit?: string;
  dirty?: boolean;
  /**
   * The rendered compose file: every image by digest, every referenced file under `./store/<fingerprint>/<name>`,
   * relative to the project's folder on the host (compose runs with `--project-directory` set to it).
   */
  compose: string;
  /** The same with the files under `store/` that are `live`: a container made from it sees them before any other does. */
  composeToCheck?: string;
  files: ReleaseFile[];
  /** The host's own files and folders below the project's folder that it mounts. */
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
  /** Identifies its definition; absent if it only has compose's defaults. */
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
  /** Whether it is created empty if it is missing; otherwise the deployment is refused. */
  made: boolean;
  /** Which services mount it, and where in the container. */
  users: { service: string; target: string }[];
}

/** A file or folder that the compose file mounts; its content never changes under its fingerprint. */
export interface ReleaseFile {
  /** 64 hex digits over names, modes and bytes; keyed, so that it reveals nothing about a secret's value. */
  fingerprint: string;
  /** Its path as written in the compose file, for messages. */
  path: string;
  /** What lies under `store/<fingerprint>/`, parents before children. */
  entries: ReleaseFileEntry[];
  /** Where containers see it if its services reload: a copy that changes with the release, while its path stays. */
  live?: LiveFile;
}

export interface LiveFile {
  /** Relative to the project's folder on the host: `live/<16 hex digits>/<name>`. */
  path: string;
  /** The services that use it. All of them reload. */
  services: string[];
}

export type ReleaseFileEntry =
  | {
      type: "file";
      path: string;
      executable: boolean;
      /** Whether nobody but its owner may read it. */
      private?: boolean;
      /** Owner and mode in containers; by default, the host's user and the file's own mode. */
      access?: FileAccess;
      bytes: Buffer | FileOnDisk;
    }
  | { type: "directory"; path: string }
  | { type: "symlink"; path: string; target: string };

/** Numeric ids, as in containers; `mode` holds the permission bits. */
export interface FileAccess {
  uid: number;
  gid: number;
  mode: number;
}

export interface ReleaseService {
  /** Compose's rule for names: `^[a-zA-Z0-9._-]+$`. */
  name: string;
  /** The image as the rendered compose file names it; `repository@sha256:…` for every built service. */
  image: string;
  /** Content hash (64 hex digits) of a built service; absent for an image that is only named. */
  content?: string;
  /** The manifest digest that was pushed, `sha256:` and 64 hex digits; present if and only if `content` is. */
  digest?: string;
  /** The image's layers, if the registry reported them; used to check for free disk space. */
  layers?: Layers;
  /** How many containers are wanted (compose's `deploy.replicas` / `scale`). */
  replicas: number;
  /** Services that compose restarts when this one is recreated (`depends_on` with `restart: true`). */
  restarts?: string[];
  lifetime: Lifetime;
  /** What it waits for before it starts. */
  needs: Need[];
  /** Things that only one running container of a host can have. */
  claims: Claim[];
  /** How its containers are replaced, unless the old ones are removed before the new ones start. */
  rollout?: Rollout;
  /** Identifies its labels for Traefik, 16 hex digits; absent if it has none. */
  routes?: string;
  /** What runs once for this release: before any container is replaced, and after the release has been proved. */
  before?: ReleaseCommand;
  after?: ReleaseCommand;
  /** How it takes new files without a new container. */
  reload?: Reload;
  /** Fingerprints of the files it uses. */
  files: string[];
  /** Checks besides the healthcheck, from `x-everfresh.verify`. */
  verify: Check[];
}

/** A rollout: each new container starts beside the old one, which is removed once the new one has proved itself and is in use. */
export interface Rollout {
  /** Whether to wait until somebody connects to the new container. */
  observe: boolean;
  /** What to run in an old container before its stop signal, and how many seconds running requests may then take. */
  drain?: { command: string[]; seconds: number };
}

/** A command that runs once for a release. */
export interface ReleaseCommand {
  command: string[];
  /** Whether it runs in a container of the service that is running then, not in one of its own from the release's image. */
  exec: boolean;
  /** How long it may take. */
  seconds: number;
}

/** How a service takes new files. */
export interface Reload {
  /** Runs in a container of its own, with the new files: whether they are valid. */
  check: string[];
  /** Runs in each running container, once the files are there. */
  command: string[];
  /** How long each of them may take. */
  seconds: number;
}

/** `ends`: others wait for its end. `lasts`: it must keep running. `either`: it may end with status 0. */
export type Lifetime = "ends" | "lasts" | "either";

/** Another service, and the state that it must have reached. */
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
 * separated by spaces. Engines identify a layer by its diff ID, the digest of the unpacked layer.
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

/** A deployment's release and options. The release directory keeps none of the options. */
export interface DeployRequest {
  /** The release to run, sent whole, or the id of one that the host still keeps (rollback). */
  release: Release | { kept: string; project: string };
  /** The folder of all projects on the host; default `~/.everfresh`. */
  remoteDir?: string;
  /** Stored on the host in the deployment's last step; `judge` returns it while nothing has drifted. One line. */
  token: string;
  /** Identifies the Pulumi state that this deployment comes from (random, stable for a stack's life). */
  lineage: string;
  /**
   * The release of another lineage that may be replaced, or `unmanaged` for containers that everfresh did not deploy;
   * without it, such a host is refused.
   */
  takeOver?: string;
  /** The stack's name for this host; after a rename, the teardown of the old name removes nothing. */
  host: string;
  /** For the ledger: `user`, `machine`, and the stack's full name. */
  who: string;
  from: string;
  stack: string;
  /** Absent if the registry is lent (see `lendProgram`). */
  registry?: RegistryLogin;
  /** How many releases stay on the host, the current one included. */
  keepReleases: number;
  /** How long to wait for another deployment's lock, in seconds. */
  lockWait: number;
  /** How long the containers may take to be healthy, in seconds. */
  healthTimeout: number;
  /** How long containers without a healthcheck must then stay up, in seconds. */
  settle: number;
}

/** A registry as a host reaches it, `host:port`. Without a password, the host uses its own login. */
export interface RegistryLogin {
  address: string;
  username?: string;
  password?: string;
}

/** What a deployment reports on stdout, as one line of JSON. */
export interface DeployResult {
  release: string;
  /** RFC 3339, UTC, the host's clock. */
  verifiedAt: string;
  /** `container` and `startedAt` are empty for a one-shot that had already ended and whose container is gone. */
  services: Record<string, { container: string; digest?: string; startedAt: string; health: string }>;
  /** Seconds per phase. */
  seconds: Record<string, number>;
}

/** What one probe (one SSH round trip) found on a host. Facts only; `judge` draws the conclusions. */
export interface HostState {
  /** The current release, from its manifest on the host; undefined if nothing is deployed. */
  current?: ReleaseManifest;
  /** The token that the last successful deployment wrote. */
  token?: string;
  lineage?: string;
  /** The stack's name for this host at that deployment. */
  host?: string;
  /** Set while a deployment is under way, or after one was interrupted. */
  unfinished?: { release: string; since: string; who: string; locked: boolean };
  /** Who holds the host's lock now. */
  holder?: { release: string; since: string; who: string; from: string };
  /** The version of docker compose there at that deployment. */
  compose?: string;
  /** Identifies the last successful deployment, even if it deployed a release that had run before. */
  deployment?: string;
  /** What ran when the current release was proved: one entry per container. */
  proved: ProvedContainer[];
  /** Where nothing is deployed: the engine, and since when; distinguishes this empty host from an earlier one. */
  emptySince?: string;
  /** The containers of the compose project, one-off ones (`compose run`) left out. */
  containers: HostContainer[];
  /** Volumes that hide files in the current release's images. */
  hidden: CoveringVolume[];
  /** Named volumes at paths where the current release's images have files: they will hide those of the next image. */
  covers: CoveringVolume[];
  /** Files of the current release that differ from what was staged. */
  tampered: string[];
  /** Records in the project's folder that cannot be read. */
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
  /** The ID of the image from which the container was created, and the manifest digests that the host has for it. */
  imageId: string;
  digests: string[];
  state: string;
  health?: string;
  exitCode: number;
  startedAt: string;
  /** How often docker restarted it: in total, and since the proof if that is known. */
  restarts: number;
  restartsSinceProof?: number;
  /** Compose's own hash of the service's configuration, from the container's label. */
  configHash: string;
  hasAnonymousVolume: boolean;
  /** The container's name if it only carries the project's labels: compose did not create it from this folder, and it was
   * never proved. */
  stranger?: string;
}

/** `manifest.json` of a release: the release without file contents and secrets. */
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

/** A service in the manifest. */
export type ManifestService = Omit<
  ReleaseService,
  "lifetime" | "needs" | "claims" | "verify" | "before" | "after" | "reload"
>;
