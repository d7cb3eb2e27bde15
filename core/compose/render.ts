import { createHash } from "node:crypto";
import path from "node:path";
import { stringify } from "yaml";
import type { HostPath } from "../host/types";
import { mapTexts, own } from "../records";
import type { ComposeDocument, FileNode, FileUse, ServiceNode, VolumeNode } from "./document";
import { forEveryVersion } from "./every-version";
import { accessOf, fileKey, modeOf } from "./file-access";
import { withImageVolumes } from "./image-volumes";
import type { ComposeProject } from "./project";
import { isRenewed } from "./pull-policy";
import { profileKey, seccompProfile } from "./seccomp";

export interface Rendering {
  /** The image of each service that is built or follows a tag, under the host's name for it. */
  images: Readonly<Record<string, string>>;
  /** Each referenced file's path in the store: by its source for a bind mount, otherwise by its setting, `secrets.token`. */
  files: ReadonlyMap<string, string>;
  /** By the source of the bind mount. */
  hostPaths?: ReadonlyMap<string, HostPath>;
  /** A new value recreates every container. */
  forceRecreate?: string;
}

/** Label of a network that identifies the definition it was created from. */
export const definitionLabel = "dev.everfresh.definition";

/** The compose file for a host, as text; see {@link renderDocument} and {@link composeText}. */
export const renderCompose = (
  project: Pick<ComposeProject, "document" | "services">,
  rendering: Rendering,
): string => composeText(renderDocument(project, rendering));

/**
 * The compose document for a host: each `build:` is replaced by an image with its digest, each file of this machine by its
 * path in the host's store. Everything else stays as `docker compose config` resolved it.
 */
export function renderDocument(
  { document, services }: Pick<ComposeProject, "document" | "services">,
  rendering: Rendering,
): ComposeDocument {
  const complete = withImageVolumes(document, services, rendering.images);
  return {
    ...withoutExtensions(complete),
    services: mapEntries(complete.services, (name, node) => [
      name,
      renderService(name, node, complete, rendering),
    ]),
    ...renderNetworks(complete),
    ...renderFiles("configs", complete, rendering),
    ...renderFiles("secrets", complete, rendering),
  };
}

/** A rendered document as YAML. All strings are quoted, so that no YAML version reads them as anything else. */
export function composeText(document: ComposeDocument): string {
  // The host's compose reads `$$` as a dollar sign in values, but not in keys.
  const text = stringify(mapTexts(document, doubled), {
    defaultStringType: "QUOTE_DOUBLE",
    defaultKeyType: "QUOTE_DOUBLE",
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
  return text.replace(unprintable, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const doubled = (text: string) => text.replaceAll("$", "$$$$");

/** Characters that YAML 1.1 forbids or reads as line breaks (yaml.org/spec/1.1, 5.1 and 5.4). */
const unprintable = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** Nothing on a host reads extension fields. */
function withoutExtensions<T extends object>(node: T): T {
  return Object.fromEntries(Object.entries(node).filter(([key]) => !key.startsWith("x-"))) as T;
}

function renderService(
  name: string,
  node: ServiceNode,
  document: ComposeDocument,
  rendering: Rendering,
): ServiceNode {
  // Active profiles were decided on this machine; services of inactive ones are not rendered, so nothing can depend on them.
  const { build, develop: _, profiles: __, ...rest } = node;
  const rendered = forEveryVersion(withoutExtensions<ServiceNode>(rest));
  const needed = Object.entries(rendered.depends_on ?? {}).filter(([name]) =>
    Object.hasOwn(document.services, name),
  );
  if (needed.length > 0) rendered.depends_on = Object.fromEntries(needed);
  else delete rendered.depends_on;
  rendered.image = own(rendering.images, name) ?? rendered.image;
  // The image was decided on this machine.
  if (build || isRenewed(node)) delete rendered.pull_policy;
  if (node.volumes) rendered.volumes = node.volumes.map((volume) => renderVolume(volume, rendering));
  for (const kind of ["configs", "secrets"] as const) {
    if (node[kind]) rendered[kind] = node[kind].map((use) => renderUse(kind, use, document, rendering));
  }
  if (node.security_opt)
    rendered.security_opt = node.security_opt.map((option) => renderSecurityOption(option, rendering));
  const surroundings = fingerprintOfUsed(node, document);
  rendered.labels = {
    ...node.labels,
    ...(surroundings && { "dev.everfresh.surroundings": surroundings }),
    ...(rendering.forceRecreate && { "dev.everfresh.recreate": rendering.forceRecreate }),
  };
  if (Object.keys(rendered.labels).length === 0) delete rendered.labels;
  return rendered;
}

/**
 * Hashes the definitions of the networks and volumes that a service uses: compose compares only their names and would keep
 * the container when a definition changes. Undefined if all of them are compose's defaults.
 */
function fingerprintOfUsed(
  node: ServiceNode,
  { name, networks, volumes }: ComposeDocument,
): string | undefined {
  const volumesUsed = (node.volumes ?? []).flatMap(({ type, source }) =>
    type === "volume" && source !== undefined ? [source] : [],
  );
  const used = [
    ...Object.keys(node.networks ?? {}).map((key) => [key, own(networks, key)] as const),
    ...volumesUsed.map((key) => [key, own(volumes, key)] as const),
  ].flatMap(([key, definition]) => special(definition, `${name}_${key}`) ?? []);
  return used.length === 0 ? undefined : nameOf(used);
}

/** Labels networks with a hash of their definition, so that the host recognizes outdated ones, which compose would keep. */
function renderNetworks({ name, networks }: ComposeDocument): Pick<ComposeDocument, "networks"> {
  if (!networks) return {};
  const rendered = mapEntries(networks, (key, definition) => {
    const own = definition?.external ? undefined : special(definition, `${name}_${key}`);
    return [
      key,
      own ? { ...definition, labels: { ...definition!.labels, [definitionLabel]: nameOf(own) } } : definition,
    ];
  });
  return { networks: rendered };
}

/** The definition of a network or a volume; undefined if it is only the name that compose gives it. */
function special(definition: object | null | undefined, name: string): object | undefined {
  const written = canonical({ ...definition }) as { name?: string };
  const isSpecial = Object.keys(written).some((key) => key !== "name") || (written.name ?? name) !== name;
  return isSpecial ? written : undefined;
}

/** Drops empty, false and null values and sorts keys, because versions of compose print a definition differently. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, canonical(inner)] as const);
  const filled = entries.filter(
    ([, inner]) => inner && (typeof inner !== "object" || Object.keys(inner).length > 0),
  );
  return Object.fromEntries(filled.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Hashes the text as the host's compose reads it. Existing networks on hosts carry these hashes, so they must not change. */
const nameOf = (definition: object) =>
  createHash("sha256")
    .update(JSON.stringify(mapTexts(definition, doubled, doubled)))
    .digest("hex")
    .slice(0, 16);

function renderVolume(volume: VolumeNode, { files, hostPaths }: Rendering): VolumeNode {
  if (volume.type !== "bind" || volume.source === undefined) return volume;
  const { bind, source } = volume;
  const hostPath = hostPaths?.get(source);
  if (hostPath) {
    const create_host_path = hostPath.kind === "folder" && hostPath.made;
    return { ...volume, source: `./${hostPath.path}`, bind: { ...bind, create_host_path } };
  }
  const place = files.get(source);
  return place === undefined
    ? // Always explicit: versions of compose differ in the default.
      { ...volume, bind: { ...bind, create_host_path: bind?.create_host_path === true } }
    : { ...volume, source: place, bind: { ...bind, create_host_path: false } };
}

function renderSecurityOption(option: string, { files }: Rendering): string {
  const profile = seccompProfile(option);
  const place = profile === undefined ? undefined : files.get(profileKey(profile));
  return place === undefined ? option : `seccomp=${place}`;
}

/** Where a config or a secret without a `target` is mounted (compose-spec, "configs" and "secrets"). */
const defaultTarget = {
  configs: (name: string) => `/${name}`,
  secrets: (name: string) => `/run/secrets/${name}`,
};

/**
 * The name of a shipped config or secret includes its path in the store: compose compares only the names that a service
 * uses and would keep the container when the content changes (docker/compose #11900).
 */
function renderUse(
  kind: "configs" | "secrets",
  use: FileUse,
  document: ComposeDocument,
  { files }: Rendering,
): FileUse {
  const node = own(document[kind], use.source);
  const place = files.get(fileKey(kind, use, node));
  const { uid: _, gid: __, mode, ...rest } = use;
  // Old versions of compose accept only a number.
  const numbered = mode === undefined ? use : { ...use, mode: modeOf(mode) };
  if (place === undefined) return numbered;
  return {
    // For files, compose ignores owner and mode with a warning. The shipped file itself has them where they apply.
    ...(accessOf(use, node) ? rest : numbered),
    source: nameWith(use.source, place),
    target: use.target ?? defaultTarget[kind](use.source),
  };
}

/** Leaves out what no service uses: it is for a build, and its path belongs to this machine. */
function renderFiles(
  kind: "configs" | "secrets",
  document: ComposeDocument,
  { files }: Rendering,
): Pick<ComposeDocument, "configs" | "secrets"> {
  const uses = Object.values(document.services).flatMap((service) => service[kind] ?? []);
  const rendered = Object.entries(document[kind] ?? {}).flatMap(([name, node]) =>
    uses
      .filter(({ source }) => source === name)
      .map((use): [string, FileNode] => {
        const place = files.get(fileKey(kind, use, node));
        if (place === undefined) return [name, node];
        const { file: _, environment: __, content: ___, ...rest } = node;
        return [nameWith(name, place), { ...rest, file: place }];
      }),
  );
  return { [kind]: rendered.length > 0 ? Object.fromEntries(rendered) : undefined };
}

const nameWith = (name: string, place: string) =>
  `${name}-${path.basename(path.dirname(place)).slice(0, 12)}`;

function mapEntries<A>(
  record: Record<string, A>,
  f: (name: string, value: A) => [string, A],
): Record<string, A> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => f(name, value)));
}

/** A release file's path relative to the project's folder on the host; `owned` if it has an owner of its own. */
export function storePath(fingerprint: string, name: string, owned = false): string {
  return `./${path.posix.join("store", owned ? ".owned" : "", fingerprint, name)}`;
}
