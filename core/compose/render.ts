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
  /** The image of each service that is built or follows a tag, as the host is to name it. */
  images: Readonly<Record<string, string>>;
  /** The store's path of each referenced file: by its source for a bind mount, else by its setting, `secrets.token`. */
  files: ReadonlyMap<string, string>;
  /** By the source of the bind mount. */
  hostPaths?: ReadonlyMap<string, HostPath>;
  /** Changing it recreates every container. */
  forceRecreate?: string;
}

/** On a network: which definition it was made from. */
export const definitionLabel = "dev.everfresh.definition";

/** The compose file for a host, as text; see {@link renderDocument} and {@link composeText}. */
export const renderCompose = (
  project: Pick<ComposeProject, "document" | "services">,
  rendering: Rendering,
): string => composeText(renderDocument(project, rendering));

/**
 * The compose document for a host: each `build:` replaced by an image by digest, each file of this machine by its place
 * in the host's store, everything else as `docker compose config` resolved it.
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

/** A rendered document as YAML. All strings are quoted, so that no version of YAML reads one as something else. */
export function composeText(document: ComposeDocument): string {
  // The host's compose takes `$$` for a dollar sign in a text, but not in a key.
  const text = stringify(mapTexts(document, doubled), {
    defaultStringType: "QUOTE_DOUBLE",
    defaultKeyType: "QUOTE_DOUBLE",
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
  return text.replace(unprintable, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const doubled = (text: string) => text.replaceAll("$", "$$$$");

/** What YAML 1.1 allows in no text, or reads as a line break (yaml.org/spec/1.1, 5.1 and 5.4); all texts are quoted. */
const unprintable = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** Extension fields are the author's scaffolding; nothing reads them on a host. */
function withoutExtensions<T extends object>(node: T): T {
  return Object.fromEntries(Object.entries(node).filter(([key]) => !key.startsWith("x-"))) as T;
}

function renderService(
  name: string,
  node: ServiceNode,
  document: ComposeDocument,
  rendering: Rendering,
): ServiceNode {
  // Which profiles are active was decided here; what is not active is not there to depend on.
  const { build, develop: _, profiles: __, ...rest } = node;
  const rendered = forEveryVersion(withoutExtensions<ServiceNode>(rest));
  const needed = Object.entries(rendered.depends_on ?? {}).filter(([name]) =>
    Object.hasOwn(document.services, name),
  );
  if (needed.length > 0) rendered.depends_on = Object.fromEntries(needed);
  else delete rendered.depends_on;
  rendered.image = own(rendering.images, name) ?? rendered.image;
  // Which image it is was decided here.
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
 * Names the definitions of the networks and volumes that a service uses: compose looks at what a service calls them, not
 * at what lies behind, and would keep the container. None where compose's own defaults are all there is.
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

/** A network carries a name of its definition, by which the host knows one that was made otherwise: compose leaves it. */
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

/** What is said of a network or a volume; undefined when it is no more than the name that compose gives it. */
function special(definition: object | null | undefined, name: string): object | undefined {
  const said = canonical({ ...definition }) as { name?: string };
  return Object.keys(said).some((key) => key !== "name") || (said.name ?? name) !== name ? said : undefined;
}

/** Without what is empty, false or null, in an order of its own: versions of compose print a definition differently. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, canonical(inner)] as const);
  const said = entries.filter(
    ([, inner]) => inner && (typeof inner !== "object" || Object.keys(inner).length > 0),
  );
  return Object.fromEntries(said.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Over the text as the host's compose reads it: networks that hosts have carry such a name. */
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
    ? // Said in either case: versions of compose differ in what it means when it is not.
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
 * A config or secret of this machine carries its place in the store in its name: compose looks at the names that a
 * service uses, not at what lies behind them, and would keep the container (docker/compose #11900).
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
  // Old versions of compose take a number alone.
  const numbered = mode === undefined ? use : { ...use, mode: modeOf(mode) };
  if (place === undefined) return numbered;
  return {
    // Compose ignores these of a file, with a warning: where it would not, the file itself has them.
    ...(accessOf(use, node) ? rest : numbered),
    source: nameWith(use.source, place),
    target: use.target ?? defaultTarget[kind](use.source),
  };
}

/** What no service uses stays away: it is for a build, and its path is this machine's. */
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

/** Where a file of the release lies, relative to the project's folder on the host; `owned`, with an owner of its own. */
export function storePath(fingerprint: string, name: string, owned = false): string {
  return `./${path.posix.join("store", owned ? ".owned" : "", fingerprint, name)}`;
}
