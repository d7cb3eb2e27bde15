import path from "node:path";
import type { ReferencedFile } from "../../core/compose/project";
import { mapValues, own } from "../../core/records";

/** A document as `docker compose config --format json` prints it. Each dollar sign is doubled. */
// biome-ignore lint/suspicious/noExplicitAny: compose's own document, of which only a part is looked into here
export type Printed = Record<string, any>;

/** What is known of a rendering, to tell the differences that it must have from mistakes. */
export interface Rendered {
  /** The project's folder on the deployer's machine, absolute. */
  folder: string;
  /** The same on the host. */
  hostFolder: string;
  /** The text of the compose files. */
  sources: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** What the images are called that services of inactive profiles build. */
  inactive: readonly string[];
  /** The images of services that are built or follow a tag. */
  images: Readonly<Record<string, string>>;
  /** What is shipped, by fingerprint: each file has one of its own. */
  shipped: ReadonlyMap<string, ReferencedFile>;
  /** The sources of bind mounts that are kept on the host, absolute. */
  kept: ReadonlySet<string>;
}

/**
 * Compares what plain compose reads in the author's files with what a host's compose reads in the rendering.
 *
 * Both are brought to one form first. Everything that everfresh may change has to be explained there: images in the place
 * of builds, files of the store, folders of the host. Whatever else differs is a mistake.
 *
 * @returns each difference in one line, with its path; none if both mean the same.
 */
export function differences(original: Printed, host: Printed, rendered: Rendered): string[] {
  return diff("", asDeployed(original, rendered), asMeant(host, original, rendered));
}

/** The author's document as a host has to have it. */
function asDeployed(original: Printed, rendered: Rendered): Printed {
  const services = own(original, "services") as Record<string, Printed>;
  const made = Object.entries(services)
    .filter(([, { build }]) => build)
    .flatMap(([name, { build, image }]) => [image ?? `${original.name}-${name}`, ...(build.tags ?? [])])
    .concat(rendered.inactive);
  const isOurs = ({ build, image, pull_policy = "" }: Printed) =>
    build || made.includes(image) || (!image?.includes("@") && asksAgain.test(pull_policy));
  return {
    ...withoutFiles(original),
    services: mapValues(services, (node, name) => {
      const { build: _, develop: __, profiles: ___, depends_on, pull_policy, ...rest } = counted(node);
      const needed = Object.entries(depends_on ?? {}).filter(([other]) => Object.hasOwn(services, other));
      return compact({
        ...withoutExtensions(rest),
        ...(isOurs(node) ? { image: own(rendered.images, name) ?? "no image" } : {}),
        ...(isOurs(node) || asksAgain.test(pull_policy ?? "") ? {} : { pull_policy }),
        depends_on: Object.fromEntries(needed),
        security_opt: node.security_opt?.map((option: string) => optionHere(option, rendered)),
        volumes: node.volumes?.map((volume: Printed) => mountHere(volume, rendered)),
        configs: node.configs?.map((use: Printed) => fileHere("configs", use, original, rendered)),
        secrets: node.secrets?.map((use: Printed) => fileHere("secrets", use, original, rendered)),
      });
    }),
    networks: mapValues(original.networks ?? {}, (network) => compact(network ?? {})),
    volumes: mapValues(original.volumes ?? {}, (volume) => compact(volume ?? {})),
  };
}

/** A service with the number of its containers, which compose files can say in two places. */
function counted({ scale, deploy, ...node }: Printed): Printed {
  const { replicas, ...rest } = deploy ?? {};
  return { ...node, containers: scale ?? replicas, deploy: compact(rest) };
}

/** Where compose would ask what a tag means now: everfresh has asked. */
const asksAgain = /^(always|daily|weekly|every_)/;

/** The host's document without what everfresh adds, and with files by what is in them. */
function asMeant(host: Printed, original: Printed, rendered: Rendered): Printed {
  const ofImages = Object.entries<Printed>(host.volumes ?? {})
    .filter(([, volume]) => volume?.labels?.["dev.everfresh.image"])
    .map(([key]) => key);
  const written = (key: string) => Object.hasOwn(original.volumes ?? {}, key);
  return {
    ...withoutFiles(host),
    services: mapValues(host.services as Record<string, Printed>, (node, name) =>
      compact({
        ...counted(node),
        labels: withoutOwnLabels(node.labels),
        security_opt: node.security_opt?.map((option: string) => optionThere(option, rendered)),
        volumes: node.volumes
          ?.map((volume: Printed) => mountThere(volume, rendered))
          .flatMap((volume: Printed) => {
            if (!ofImages.includes(volume.source)) return [volume];
            const before = own(original.services as Record<string, Printed>, name)?.volumes?.find(
              ({ target }: Printed) => target === volume.target,
            );
            // Docker alone would have made a volume for a path of the image.
            if (before === undefined) return [];
            const { nocopy, ...options } = volume.volume ?? {};
            const known = written(volume.source) ? {} : { source: undefined };
            return [
              compact({ ...volume, ...known, volume: before.volume?.nocopy ? volume.volume : options }),
            ];
          }),
        configs: node.configs?.map((use: Printed) => fileThere("configs", use, host, rendered)),
        secrets: node.secrets?.map((use: Printed) => fileThere("secrets", use, host, rendered)),
      }),
    ),
    networks: mapValues((host.networks ?? {}) as Record<string, Printed>, (network) =>
      compact({ ...network, labels: withoutOwnLabels(network?.labels) }),
    ),
    volumes: Object.fromEntries(
      Object.entries<Printed>(host.volumes ?? {})
        .filter(([key]) => !ofImages.includes(key) || written(key))
        .map(([key, volume]) => {
          const name = ofImages.includes(key) ? volume.name.replace(/-[0-9a-f]{12}$/, "") : volume?.name;
          return [key, compact({ ...volume, name, labels: withoutOwnLabels(volume?.labels) })];
        }),
    ),
  };
}

/** Their uses tell what they are. */
function withoutFiles(document: Printed): Printed {
  const { configs: _, secrets: __, ...rest } = withoutExtensions(document);
  return rest;
}

function mountHere(volume: Printed, { folder, sources, shipped, kept }: Rendered): Printed {
  const { type, source } = volume;
  if (type !== "bind" || typeof source !== "string") return compact(volume);
  const at = undoubled(source);
  const isShipped = [...shipped.values()].some((file) => file.mounts && file.source === at);
  if (!isShipped && !kept.has(at)) return compact(volume);
  // What stands in the file as an absolute path is the host's.
  if (sources.includes(at)) return { ...compact(volume), source: `${source}, the host's own` };
  const name = path.relative(folder, at);
  const place = kept.has(at) ? `kept ${placeOf(name)}` : `shipped ${at}`;
  return placed(volume, place);
}

/** What lies beside the project lies below it on the host. */
const placeOf = (name: string) =>
  [
    "mounts",
    ...(name === "" ? ["_project"] : name.split("/").map((part) => part.replace(/^\.\.$/, "_parent"))),
  ].join("/");

function mountThere(volume: Printed, rendered: Rendered): Printed {
  const { type, source } = volume;
  if (type !== "bind" || typeof source !== "string") return compact(volume);
  const inFolder = path.relative(rendered.hostFolder, undoubled(source));
  if (inFolder.startsWith("mounts/")) return placed(volume, `kept ${inFolder}`);
  const file = storedAt(source, rendered);
  return file ? placed(volume, `shipped ${file.source}`) : compact(volume);
}

function placed(volume: Printed, source: string): Printed {
  const { create_host_path: _, ...bind } = volume.bind ?? {};
  return compact({ ...volume, source, bind });
}

/** The file of the release that lies there, in the store of the host. */
function storedAt(source: string, { hostFolder, shipped }: Rendered): ReferencedFile | undefined {
  const inFolder = path.relative(hostFolder, undoubled(source));
  const [, fingerprint, name] = /^store\/(?:\.owned\/)?([0-9a-f]{64})\/(.+)$/s.exec(inFolder) ?? [];
  const file = shipped.get(fingerprint ?? "");
  return file?.name === name ? file : undefined;
}

/** A seccomp profile that is not named by an absolute path is read where compose runs. */
function optionHere(option: string, { folder }: Rendered): string {
  const [, profile] = /^seccomp[=:]((?!unconfined$|builtin$)[^/].*)$/s.exec(option) ?? [];
  return profile === undefined ? option : `seccomp=shipped ${path.resolve(folder, undoubled(profile))}`;
}

function optionThere(option: string, rendered: Rendered): string {
  const [, profile] = /^seccomp=(\.\/store\/.*)$/s.exec(option) ?? [];
  const file = profile && storedAt(path.join(rendered.hostFolder, profile), rendered);
  return file ? `seccomp=shipped ${file.source}` : option;
}

const targets = { configs: (name: string) => `/${name}`, secrets: (name: string) => `/run/secrets/${name}` };

/** A use of a config or a secret, with what is in it in the place of its name. */
function fileHere(kind: "configs" | "secrets", use: Printed, document: Printed, rendered: Rendered): Printed {
  const { source, target = targets[kind](source), uid, gid, mode, ...rest } = use;
  const { file, content, environment, ...node } =
    own(document[kind] as Record<string, Printed>, source) ?? {};
  const same = { target, ...rest, node: compact(node) };
  if (node.external || file !== undefined)
    return compact({ ...same, uid, gid, mode, is: file === undefined ? source : `file ${undoubled(file)}` });
  const text = environment === undefined ? undoubled(content ?? "") : own(rendered.environment, environment);
  const asked = [uid, gid, mode].some((value) => value !== undefined);
  return compact({
    ...same,
    is: `text ${text}`,
    access: asked ? accessOf(uid, gid, octal(mode)) : undefined,
  });
}

/** Old versions of compose print the number, newer ones its octal digits. */
const octal = (mode: number | string = "444") => (typeof mode === "number" ? mode : Number.parseInt(mode, 8));

const accessOf = (uid: unknown = 0, gid: unknown = 0, mode: number) =>
  `${uid}:${gid}, mode ${mode.toString(8)}`;

function fileThere(
  kind: "configs" | "secrets",
  use: Printed,
  document: Printed,
  rendered: Rendered,
): Printed {
  const { source, ...rest } = use;
  const { file, ...node } = own(document[kind] as Record<string, Printed>, source) ?? {};
  const stored = file === undefined ? undefined : storedAt(file, rendered);
  const access = stored?.access;
  return compact({
    target: targets[kind](source),
    ...rest,
    node: compact(node),
    is: stored
      ? stored.text === undefined
        ? `file ${stored.source}`
        : `text ${stored.text}`
      : (file ?? source),
    access: access ? accessOf(access.uid, access.gid, access.mode) : undefined,
  });
}

const undoubled = (text: string) => text.replaceAll("$$", "$");

function withoutOwnLabels(labels: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith("dev.everfresh.")));
}

const withoutExtensions = (node: Printed): Printed =>
  Object.fromEntries(Object.entries(node).filter(([key]) => !key.startsWith("x-")));

/** Empty, these say no more than if they were not there. An empty `command` takes the image's away. */
const sayNothingIfEmpty =
  /^(labels|depends_on|deploy|resources|placement|volumes|configs|secrets|bind|volume|ipam|node)$/;

function compact(node: Printed): Printed {
  return Object.fromEntries(
    Object.entries(node).filter(
      ([key, value]) => value !== undefined && !(sayNothingIfEmpty.test(key) && isEmpty(value)),
    ),
  );
}

const isEmpty = (value: unknown) =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

function diff(where: string, original: unknown, host: unknown): string[] {
  if (isTree(original) && isTree(host) && Array.isArray(original) === Array.isArray(host)) {
    const keys = new Set([...Object.keys(original), ...Object.keys(host)]);
    return [...keys].flatMap((key) =>
      diff(where === "" ? key : `${where}.${key}`, own(original, key), own(host, key)),
    );
  }
  if (Object.is(original, host)) return [];
  return [`${where}: is ${show(original)}, and on the host ${show(host)}`];
}

const isTree = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

const show = (value: unknown) => (value === undefined ? "nothing" : JSON.stringify(value));
