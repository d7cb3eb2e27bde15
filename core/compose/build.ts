import path from "node:path";
import type { BuildSpec } from "../content";
import { problem } from "../problems";
import { mapValues, own } from "../records";
import type { BuildNode, ComposeDocument, ComposeText, ServiceNode } from "./document";

/** Options for the builder that are not part of the image. */
export interface BuildOptions {
  secrets: BuildSecret[];
  noCache: boolean;
  pull: boolean;
  cacheFrom: string[];
  cacheTo: string[];
}

export type BuildSecret =
  | { id: string; file: string }
  /** With its `value` if only the env file sets it, because the builder does not read that file. */
  | { id: string; environment: string; value?: string };

/** Build settings that are honoured or make no difference here. */
const knownBuildKeys = new Set([
  "context",
  "dockerfile",
  "dockerfile_inline",
  "args",
  "target",
  "platforms",
  "labels",
  "additional_contexts",
  "secrets",
  "network",
  "extra_hosts",
  "no_cache",
  "no_cache_filter",
  "cache_from",
  "cache_to",
  "pull",
  "shm_size",
  "provenance",
  "sbom",
  // Images are pushed under other names; tags only matter to the project's Dockerfiles.
  "tags",
]);

/** What Pulumi's docker provider (5.2.0) cannot pass to the builder, and what to do about it. */
const unsupported: Record<string, [what: string, todo: string]> = {
  ssh: [
    "Pulumi's docker provider does not pass an SSH agent to a build",
    "pass a key in `secrets:` of `build:`, and mount it: `RUN --mount=type=secret,id=key,target=/root/.ssh/id_ed25519 …`",
  ],
  ulimits: [
    "Pulumi's docker provider fails on them",
    "set them in the command that needs them: `RUN ulimit -n 65536 && …`",
  ],
  privileged: [
    "Pulumi's docker provider cannot ask the builder for it",
    "remove it, and do what needs it when the container starts",
  ],
};

/** Settings of `build:` that would result in a different image than the one built here. */
function unsupportedProblems(where: string, build: BuildNode): string[] {
  return Object.entries(build).flatMap(([key, value]) => {
    if (knownBuildKeys.has(key) || key.startsWith("x-") || isEmpty(value)) return [];
    if (key === "isolation") {
      if (value === "default") return [];
      return [problem(`${where}.isolation`, `\`${value}\` is for Windows containers`, "remove it")];
    }
    if (key === "entitlements") return entitlementProblems(`${where}.entitlements`, build);
    const [what, todo] = own(unsupported, key) ?? [
      "is unknown to everfresh, and could change the image",
      "remove it, or report it as missing",
    ];
    return [problem(`${where}.${key}`, what, todo)];
  });
}

/** The builder grants only `network.host`, and only to a build on the host's network (buildx, `toSolveOpt`). */
function entitlementProblems(where: string, { entitlements = [], network }: BuildNode): string[] {
  return entitlements.flatMap((entitlement) => {
    if (entitlement !== "network.host") {
      const [what, todo] = unsupported.privileged!;
      return [problem(where, `\`${entitlement}\`: ${what}`, todo)];
    }
    if (network === "host") return [];
    return [
      problem(
        where,
        "`network.host` is granted only to a build with the host's network",
        "add `network: host` to `build:`",
      ),
    ];
  });
}

const isEmpty = (value: unknown) => !value || (typeof value === "object" && Object.keys(value).length === 0);

/**
 * The platform of the image. If several are listed, compose's `up` builds one (compose, `build.go`): the service's own, else
 * the environment's default.
 */
function platformsOf(
  service: string,
  { build, platform }: ServiceNode,
  environment: ComposeText["environment"],
  problems: string[],
): string[] {
  const platforms = build?.platforms ?? [];
  if (platforms.length <= 1) return platforms.length === 1 ? platforms : platform ? [platform] : [];
  const one = platform || environment.DOCKER_DEFAULT_PLATFORM;
  if (one !== undefined && platforms.includes(one)) return [one];
  problems.push(
    problem(
      `services.${service}.build.platforms`,
      "names several platforms, but the hosts have one",
      `say which in the service itself: \`platform: ${platforms[0]}\``,
    ),
  );
  return [];
}

/**
 * How a service is built.
 *
 * @param problems - receives every setting that is not supported.
 */
export function readBuild(
  service: string,
  node: ServiceNode,
  { environment }: Pick<ComposeText, "environment">,
  problems: string[],
): BuildSpec {
  const build = node.build!;
  const where = `services.${service}.build`;
  problems.push(...unsupportedProblems(where, build));
  const context = build.context ?? ".";
  if (isRemote(context)) problems.push(remoteContext(where, context));
  for (const name of Object.keys(build.additional_contexts ?? {})) {
    // The builder receives `name=source` and treats the name as an image's.
    if (!/^[A-Za-z0-9][A-Za-z0-9._:@/-]*$/.test(name)) {
      problems.push(
        problem(
          `${where}.additional_contexts`,
          `${JSON.stringify(name)} cannot name a context`,
          "use letters and digits, with `.`, `_`, `-`, `/`, `:` or `@` between them",
        ),
      );
    }
  }
  // The builder receives `name=value` and would read a different name than the one that is hashed.
  for (const key of ["args", "labels"] as const) {
    for (const name of Object.keys(build[key] ?? {})) {
      if (!/^$|=/.test(name)) continue;
      const what = `${JSON.stringify(name)} cannot be a name`;
      problems.push(problem(`${where}.${key}`, what, "use a name without an equals sign"));
    }
  }
  // The builder would use it anyway, unseen by the content hash.
  const epoch = environment.SOURCE_DATE_EPOCH;
  return {
    context,
    ...(build.dockerfile ? { dockerfile: build.dockerfile } : {}),
    ...(build.dockerfile_inline !== undefined ? { dockerfileInline: build.dockerfile_inline } : {}),
    args: {
      ...mapValues(build.args ?? {}, (value) => (value === null ? null : String(value))),
      ...(epoch && build.args?.SOURCE_DATE_EPOCH == null && { SOURCE_DATE_EPOCH: epoch }),
    },
    ...(build.target ? { target: build.target } : {}),
    platforms: platformsOf(service, node, environment, problems),
    labels: mapValues(build.labels ?? {}, String),
    additionalContexts: build.additional_contexts ?? {},
    secrets: (build.secrets ?? []).map(({ source, target }) => target ?? source),
    ...(build.network ? { network: build.network } : {}),
    ...(build.extra_hosts ? { extraHosts: build.extra_hosts } : {}),
    ...(Number(build.shm_size) > 0 ? { shmSize: Number(build.shm_size) } : {}),
    ...(build.provenance !== undefined ? { provenance: String(build.provenance) } : {}),
    ...(build.sbom !== undefined ? { sbom: String(build.sbom) } : {}),
  };
}

/** Whether compose passes a context on as written. It prints folders as absolute paths. */
const isRemote = (context: string) =>
  !path.isAbsolute(context) && /^[a-z+]+:\/\/|^git@|\.git(#.*)?$|^github\.com\//i.test(context);

/** The provider looks for the Dockerfile in a local folder, and its `remoteContext` does not work with BuildKit. */
function remoteContext(where: string, context: string): string {
  const [url = "", fragment = ""] = context.split("#");
  const folder = path.posix.basename(url).replace(/\.git$/i, "");
  const within = fragment.split(":")[1];
  const isArchive = /\.(tar|tgz|tar\.\w+|zip)$/i.test(url);
  const what = `\`${context}\` is remote, and Pulumi's docker provider builds only from folders`;
  const from = `./${[folder, ...(within ? [within] : [])].join("/")}`;
  return problem(
    `${where}.context`,
    what,
    isArchive
      ? "unpack it into a folder beside the compose file, and build from that"
      : `pin it as a submodule, \`git submodule add ${/^github\.com\//i.test(url) ? "https://" : ""}${url} ${folder}\`, and build from that: \`context: ${from}\``,
  );
}

/** Compose's name for the image that a service builds (compose, `GetImageNameOrDefault`), and its other tags. */
export const imageNames = (project: string, service: string, { image, build }: ServiceNode): string[] => [
  image ?? `${project}-${service}`,
  ...(build?.tags ?? []),
];

/** The build's secrets and its use of the cache. */
export function readBuildOptions(
  service: string,
  node: ServiceNode,
  document: ComposeDocument,
  text: Pick<ComposeText, "fromEnvFile">,
  problems: string[],
): BuildOptions {
  return {
    secrets: readSecrets(service, node, document, text, problems),
    // The provider cannot name single stages to the builder.
    noCache: node.build?.no_cache === true || !isEmpty(node.build?.no_cache_filter),
    pull: node.build?.pull === true,
    cacheFrom: node.build?.cache_from ?? [],
    cacheTo: node.build?.cache_to ?? [],
  };
}

function readSecrets(
  service: string,
  node: ServiceNode,
  document: ComposeDocument,
  { fromEnvFile }: Pick<ComposeText, "fromEnvFile">,
  problems: string[],
): BuildSecret[] {
  const where = `services.${service}.build.secrets`;
  const found = new Map<string, BuildSecret>();
  for (const { source, target } of node.build?.secrets ?? []) {
    const secret = own(document.secrets, source);
    const id = target ?? source;
    const read: BuildSecret | undefined = secret?.file
      ? { id, file: secret.file }
      : secret?.environment
        ? { id, environment: secret.environment, ...withValue(own(fromEnvFile, secret.environment)) }
        : undefined;
    const before = found.get(id);
    if (read === undefined) {
      problems.push(
        problem(
          where,
          `\`${source}\` has neither \`file\` nor \`environment\``,
          "give it one of them under `secrets:`",
        ),
      );
    } else if (!isOneField(id) || ("environment" in read && !isOneField(read.environment))) {
      const what = isOneField(id) ? "names its variable" : "has the id";
      const name = JSON.stringify("environment" in read && isOneField(id) ? read.environment : id);
      problems.push(
        problem(
          where,
          `\`${source}\` ${what} ${name}, which cannot be passed to the builder`,
          "use a name without spaces, commas, quotation marks and equals signs",
        ),
      );
    } else if (before !== undefined && JSON.stringify(before) !== JSON.stringify(read)) {
      problems.push(
        problem(where, `two secrets have the id ${JSON.stringify(id)}`, "give one of them another `target`"),
      );
    } else found.set(id, read);
  }
  return [...found.values()];
}

const withValue = (value: string | undefined) => (value === undefined ? {} : { value });

/** The builder receives a secret as a line of fields: `type=file,id=…,src=…`. */
const isOneField = (text: string) => /^[^\s\p{C},"'=]+$/u.test(text);
