import type { BuildSpec } from "../content";
import { problem } from "../problems";
import { mapValues, own } from "../records";
import type { ComposeDocument, ComposeText, ServiceNode } from "./document";

/** What the builder is told beside what the image is made from. */
export interface BuildOptions {
  secrets: BuildSecret[];
  noCache: boolean;
  pull: boolean;
  cacheFrom: string[];
  cacheTo: string[];
}

export type BuildSecret =
  | { id: string; file: string }
  /** With its `value` where only the env file has it, which the builder does not read. */
  | { id: string; environment: string; value?: string };

/** Build settings that are honoured; any other is refused rather than ignored. */
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
  "cache_from",
  "cache_to",
  "pull",
  // Images are pushed by names of their own; these are names for Dockerfiles of the project.
  "tags",
]);

/**
 * How a service is built.
 *
 * @param problems - gets every setting that cannot be carried out.
 */
export function readBuild(
  service: string,
  node: ServiceNode,
  { environment }: Pick<ComposeText, "environment">,
  problems: string[],
): BuildSpec {
  const build = node.build!;
  const where = `services.${service}.build`;
  for (const key of Object.keys(build)) {
    if (!knownBuildKeys.has(key) && !key.startsWith("x-")) {
      problems.push(
        problem(
          `${where}.${key}`,
          "is not supported",
          "remove it; the image must be the same for everybody who builds it",
        ),
      );
    }
  }
  const context = build.context ?? ".";
  if (/^[a-z+]+:\/\/|^git@|\.git(#.*)?$/i.test(context)) {
    problems.push(
      problem(
        `${where}.context`,
        `\`${context}\` is remote`,
        "build from a folder of this machine, so that its content can be identified",
      ),
    );
  }
  for (const name of Object.keys(build.additional_contexts ?? {})) {
    // As the name of an image, which is what the builder takes it for; it is told `name=source`.
    if (!/^[A-Za-z0-9][A-Za-z0-9._:@/-]*$/.test(name)) {
      problems.push(
        problem(
          `${where}.additional_contexts`,
          `${JSON.stringify(name)} cannot name a context`,
          "take letters and digits, with `.`, `_`, `-`, `/`, `:` or `@` between",
        ),
      );
    }
  }
  // The builder is told `name=value`, and would take another name than the one that is identified.
  for (const key of ["args", "labels"] as const) {
    for (const name of Object.keys(build[key] ?? {})) {
      if (!/^$|=/.test(name)) continue;
      const what = `${JSON.stringify(name)} cannot be a name`;
      problems.push(problem(`${where}.${key}`, what, "take one without an equals sign"));
    }
  }
  // The builder would take it all the same, and nobody would know.
  const epoch = environment.SOURCE_DATE_EPOCH;
  const platforms = build.platforms ?? (node.platform ? [node.platform] : []);
  if (platforms.length > 1) {
    problems.push(
      problem(`${where}.platforms`, "names several platforms", "name the one that the hosts have"),
    );
  }
  return {
    context,
    ...(build.dockerfile ? { dockerfile: build.dockerfile } : {}),
    ...(build.dockerfile_inline !== undefined ? { dockerfileInline: build.dockerfile_inline } : {}),
    args: {
      ...mapValues(build.args ?? {}, (value) => (value === null ? null : String(value))),
      ...(epoch && build.args?.SOURCE_DATE_EPOCH == null && { SOURCE_DATE_EPOCH: epoch }),
    },
    ...(build.target ? { target: build.target } : {}),
    platforms,
    labels: mapValues(build.labels ?? {}, String),
    additionalContexts: build.additional_contexts ?? {},
    secrets: (build.secrets ?? []).map(({ source, target }) => target ?? source),
    ssh: [],
    ...(build.network ? { network: build.network } : {}),
    ...(build.extra_hosts ? { extraHosts: build.extra_hosts } : {}),
  };
}

/** What compose calls the image that a service builds (compose, `GetImageNameOrDefault`), and what else it is tagged with. */
export const imageNames = (project: string, service: string, { image, build }: ServiceNode): string[] => [
  image ?? `${project}-${service}`,
  ...(build?.tags ?? []),
];

/** What else the builder is told. */
export function readBuildOptions(
  service: string,
  node: ServiceNode,
  document: ComposeDocument,
  text: Pick<ComposeText, "fromEnvFile">,
  problems: string[],
): BuildOptions {
  return {
    secrets: readSecrets(service, node, document, text, problems),
    noCache: node.build?.no_cache === true,
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
          "declare it under `secrets:`",
        ),
      );
    } else if (!isOneField(id) || ("environment" in read && !isOneField(read.environment))) {
      const what = isOneField(id) ? "names its variable" : "has the id";
      const name = JSON.stringify("environment" in read && isOneField(id) ? read.environment : id);
      problems.push(
        problem(
          where,
          `\`${source}\` ${what} ${name}, which the builder cannot be told`,
          "take a name without spaces, commas, quotation marks and equals signs",
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

/** The builder is told of a secret in a line of fields: `type=file,id=…,src=…`. */
const isOneField = (text: string) => /^[^\s\p{C},"'=]+$/u.test(text);
