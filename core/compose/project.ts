import type { BuildSpec } from "../content";
import type { Check, FileAccess, HostPath } from "../host/types";
import type { BuildOptions } from "./build";
import type { ComposeDocument } from "./document";
import type { Place, ReleaseCommands, RolloutOptions } from "./options";

/** A team's compose project, as `docker compose config` resolves it. */
export interface ComposeProject {
  name: string;
  /** The folder of its first compose file, absolute. */
  folder: string;
  /** Dependencies come before the services that need them. */
  services: ComposeService[];
  /** Configs, secrets, seccomp profiles, and sources of relative bind mounts; {@link placeMounts} decides which to ship. */
  files: ReferencedFile[];
  /** The resolved document, with every string as a container should get it. */
  document: ComposeDocument;
  /** Services of inactive profiles that have a `build:` section: built only where another build needs their image. */
  inactive: InactiveService[];
}

/** How a service's image is built. */
export interface ServiceBuild {
  name: string;
  build: BuildSpec;
  buildOptions: BuildOptions;
  /** Compose's names for its image, which Dockerfiles of the project may use. */
  imageNames: string[];
}

export interface InactiveService extends ServiceBuild {
  /** What is not supported in its `build:`. */
  problems: string[];
}

export interface ComposeService {
  name: string;
  /** How its image is built; absent for a service that only names an image. */
  build?: BuildSpec;
  /** Options for the builder that are not part of the image. */
  buildOptions: BuildOptions;
  /** Names under which Dockerfiles of the project know its image; empty for a service that runs another one's build. */
  imageNames: string[];
  image?: string;
  /** Whether each `up` deploys the image that its tag points to at that time. */
  followsTag: boolean;
  replicas: number;
  /** Services to restart whenever this one is recreated. */
  restarts: string[];
  verify: Check[];
  /** Volumes that are recreated with each image: see `x-everfresh.volumes`. */
  imageVolumes: string[];
  /** Where the sources of its relative bind mounts come from: see `x-everfresh.mounts`. */
  mounts: Record<string, Place>;
  published: PublishedPort[];
  /** See `x-everfresh.strategy`, `drain` and `observe`. */
  rollout: RolloutOptions;
  /** See `x-everfresh.before`, `after` and `reload`. */
  commands: ReleaseCommands;
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
  /** A bind mount's source, otherwise the setting, such as `configs.proxy` or `seccomp=a.json`. */
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
  /** For a bind mount: the services that mount it, and where in the container. */
  mounts?: { service: string; target: string }[];
  /** Whether it is written with a slash at its end. */
  asFolder?: boolean;
  /** Whether docker must not create a missing folder (`create_host_path: false`). */
  mustExist?: boolean;
  /** Paths in this folder that belong to the host, absolute on this machine; an empty placeholder is shipped for each. */
  hostPaths?: ReadonlyMap<string, HostPath["kind"]>;
}
