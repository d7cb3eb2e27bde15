import type { BuildSpec } from "../content";
import type { Check, FileAccess, HostPath } from "../host/types";
import type { BuildOptions } from "./build";
import type { ComposeDocument } from "./document";
import type { Place } from "./options";

/** A team's compose project, as `docker compose config` resolves it. */
export interface ComposeProject {
  name: string;
  /** The folder of its first compose file, absolute. */
  folder: string;
  /** Dependencies before those that depend on them. */
  services: ComposeService[];
  /** Configs, secrets, seccomp profiles, and the sources of relative bind mounts; {@link placeMounts} decides which mounts are shipped. */
  files: ReferencedFile[];
  /** The resolved document, every text as a container is to get it. */
  document: ComposeDocument;
  /** Services of inactive profiles that have a `build:` section: built only where another build needs their image. */
  inactive: InactiveService[];
}

/** How a service's image is built. */
export interface ServiceBuild {
  name: string;
  build: BuildSpec;
  buildOptions: BuildOptions;
  /** What Dockerfiles of the project call its image: the names that compose gives to it. */
  imageNames: string[];
}

export interface InactiveService extends ServiceBuild {
  /** What of its `build:` cannot be carried out. */
  problems: string[];
}

export interface ComposeService {
  name: string;
  /** How it is built; absent for a service that only names an image. */
  build?: BuildSpec;
  /** What else the builder is told; it does not become part of the image. */
  buildOptions: BuildOptions;
  /** What Dockerfiles of the project call the image that it builds; empty for one that runs what another service builds. */
  imageNames: string[];
  image?: string;
  /** Whether each `up` deploys the image that its tag means then. */
  followsTag: boolean;
  replicas: number;
  /** Services that are to be restarted whenever this one is recreated. */
  restarts: string[];
  verify: Check[];
  /** Volumes that are new with each image: see `x-everfresh.volumes`. */
  imageVolumes: string[];
  /** Where the sources of its relative bind mounts are: see `x-everfresh.mounts`. */
  mounts: Record<string, Place>;
  published: PublishedPort[];
}

/** A port of the host that a service publishes. */
export interface PublishedPort {
  port: number;
  /** The address that it is bound to, if one is given. */
  hostIp?: string;
  protocol: string;
}

export const isBuilt = (service: ComposeService): service is ComposeService & ServiceBuild =>
  service.build !== undefined;

/** One file or folder that belongs to the release. */
export interface ReferencedFile {
  /** A bind mount's source, else the setting, such as `configs.proxy` or `seccomp=a.json`. */
  key: string;
  /** Absolute, on this machine; absent where `text` is the content itself. */
  source?: string;
  text?: string;
  /** The setting that refers to it, for messages. */
  where: string;
  /** The services that use it. */
  services: string[];
  /** Its name in the store, and in messages. */
  name: string;
  /** Owner and mode in containers, if a service asks for them. */
  access?: FileAccess;
  /** Whether a container may write to it. */
  writable?: boolean;
  /** Of a bind mount: who mounts it, and where in the container. */
  mounts?: { service: string; target: string }[];
  /** Whether it is written with a slash at its end. */
  asFolder?: boolean;
  /** Whether docker must not make a folder if it is missing (`create_host_path: false`). */
  mustExist?: boolean;
  /** What in this folder is the host's own, by absolute paths of this machine: an empty place is shipped for it. */
  hostPaths?: ReadonlyMap<string, HostPath["kind"]>;
}
