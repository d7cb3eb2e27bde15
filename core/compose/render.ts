import path from "node:path";
import { stringify } from "yaml";
import type { ComposeDocument, ComposeProject, FileNode, ServiceNode, VolumeNode } from "./project";
import { plain } from "./project";

export interface Rendering {
  /** The image of each service that is built, as the host is to name it. */
  images: Readonly<Record<string, string>>;
  /** The store's path of each referenced file, by its source or, for a text, the setting it comes from. */
  files: ReadonlyMap<string, string>;
  /** Changing it recreates every container. */
  forceRecreate?: string;
}

/** Compose's escape of a dollar sign, so that the host's compose takes the text as it is. */
const escaped = (text: string) => text.replaceAll("$", "$$$$");

/**
 * Renders the compose file for a host: each `build:` replaced by an image by digest, each file of this machine by its
 * place in the host's store, everything else as `docker compose config` resolved it. All strings are quoted, so that
 * no version of YAML reads one as something else.
 */
export function renderCompose(project: ComposeProject, rendering: Rendering): string {
  const { document } = project;
  const place = (key: string) => rendering.files.get(key);
  const rendered = {
    ...withoutExtensions(document),
    services: mapEntries(document.services, (name, node) => renderService(name, node, rendering)),
    ...(document.configs
      ? { configs: mapEntries(document.configs, (name, node) => renderFile(`configs.${name}`, node, place)) }
      : {}),
    ...(document.secrets
      ? { secrets: mapEntries(document.secrets, (name, node) => renderFile(`secrets.${name}`, node, place)) }
      : {}),
  };
  return stringify(rendered, {
    defaultStringType: "QUOTE_DOUBLE",
    defaultKeyType: "QUOTE_DOUBLE",
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}

/** Extension fields of the top level are the author's scaffolding; nothing reads them on a host. */
function withoutExtensions(document: ComposeDocument): ComposeDocument {
  return Object.fromEntries(
    Object.entries(document).filter(([key]) => !key.startsWith("x-")),
  ) as ComposeDocument;
}

function renderService(
  name: string,
  node: ServiceNode,
  { images, files, forceRecreate }: Rendering,
): ServiceNode {
  const { build, "x-everfresh": _, develop: __, ...rest } = node;
  const rendered: ServiceNode = { ...rest };
  if (build) {
    rendered.image = escaped(images[name]!);
    delete rendered.pull_policy;
  }
  if (node.volumes) rendered.volumes = node.volumes.map((volume) => renderVolume(volume, files));
  if (forceRecreate) rendered.labels = { ...node.labels, "dev.everfresh.recreate": escaped(forceRecreate) };
  return rendered;
}

function renderVolume(volume: VolumeNode, files: Rendering["files"]): VolumeNode {
  const place =
    volume.type === "bind" && volume.source !== undefined ? files.get(plain(volume.source)) : undefined;
  if (place === undefined) return volume;
  return { ...volume, source: escaped(place), bind: { ...volume.bind, create_host_path: false } };
}

function renderFile(where: string, node: FileNode, place: (key: string) => string | undefined): FileNode {
  const found = place(node.file !== undefined ? plain(node.file) : where);
  if (found === undefined) return node;
  const { file: _, environment: __, ...rest } = node;
  return { ...rest, file: escaped(found) };
}

function mapEntries<A>(record: Record<string, A>, f: (name: string, value: A) => A): Record<string, A> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(name, value)]));
}

/** Where a file of the release lies, relative to the project's folder on the host. */
export function storePath(fingerprint: string, name: string): string {
  return `./${path.posix.join("store", fingerprint, name)}`;
}
