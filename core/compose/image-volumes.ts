import { createHash } from "node:crypto";
import { problem } from "../problems";
import { mapValues, own } from "../records";
import type { ComposeDocument, VolumeNode } from "./document";
import type { ComposeService } from "./project";

/** Label of a volume that belongs to a service's image. The host removes the volume with the last release that uses it. */
export const imageVolumeLabel = "dev.everfresh.image";

/** An entry of one service's `x-everfresh.volumes`. */
interface ImageVolume {
  service: string;
  /** As written: the name of a volume, or a path in the container. */
  written: string;
  /** The compose file's mount of it; absent if only the image declares the volume. */
  mount?: VolumeNode;
}

function imageVolumesOf(
  { name, imageVolumes }: ComposeService,
  { services }: ComposeDocument,
): ImageVolume[] {
  const mounts = own(services, name)?.volumes ?? [];
  return imageVolumes.map((written) => ({
    service: name,
    written,
    mount: mounts.find(({ type, source, target }) =>
      written.startsWith("/") ? target === written : type === "volume" && source === written,
    ),
  }));
}

/** Problems of everything in `x-everfresh.volumes` that is not possible. */
export function imageVolumeProblems(
  services: readonly ComposeService[],
  document: ComposeDocument,
): string[] {
  const owners = new Map<string, string>();
  return services
    .flatMap((service) => imageVolumesOf(service, document))
    .flatMap(({ service, written, mount }) => {
      const wrong = (what: string, todo: string) =>
        problem(`services.${service}.x-everfresh.volumes.${written}`, what, todo);
      if (mount === undefined)
        return written.startsWith("/")
          ? []
          : wrong(
              "is not a volume that the service mounts",
              "name one of its `volumes:`, or a path in the container",
            );
      if (mount.type !== "volume") return wrong(`is a mount of type ${mount.type}`, "name a volume");
      if (mount.source === undefined) return [];
      if (own(document.volumes, mount.source)?.external)
        return wrong("is an external volume", "let compose create it, or leave it out");
      const other = owners.get(mount.source) ?? service;
      owners.set(mount.source, service);
      return other === service
        ? []
        : wrong(`already belongs to the image of ${other}`, "remove it from one of the two");
    });
}

/**
 * The document with the image in the name of each volume of `x-everfresh.volumes`, so that a new image gets a new volume,
 * which docker fills from that image. No other service fills it.
 *
 * @param images - the image of each service that is built, as the hosts name it.
 */
export function withImageVolumes(
  document: ComposeDocument,
  services: readonly ComposeService[],
  images: Readonly<Record<string, string>>,
): ComposeDocument {
  const all = services.flatMap((service) => imageVolumesOf(service, document));
  if (all.length === 0) return document;
  const keyed = all.map((volume) => ({ ...volume, key: volume.mount?.source ?? keyOf(volume) }));
  const definitions = keyed.map(({ key, service }) => {
    const image = own(images, service) ?? own(document.services, service)!.image!;
    const {
      name = `${document.name}_${key}`,
      labels,
      ...rest
    } = (own(document.volumes, key) ?? {}) as Definition;
    return [
      key,
      { ...rest, name: `${name}-${imageMark(image)}`, labels: { ...labels, [imageVolumeLabel]: service } },
    ];
  });
  const mounted = (service: string) => (mount: VolumeNode) => {
    const mine = keyed.find((volume) => volume.service === service && volume.mount?.target === mount.target);
    if (mine) return { ...mount, source: mine.key };
    const filledByAnother = mount.type === "volume" && keyed.some(({ key }) => key === mount.source);
    return filledByAnother ? { ...mount, volume: { ...(mount.volume as object), nocopy: true } } : mount;
  };
  return {
    ...document,
    volumes: { ...document.volumes, ...Object.fromEntries(definitions) },
    services: mapValues(document.services, (node, service) => {
      const added = keyed
        .filter((volume) => volume.service === service && volume.mount === undefined)
        .map(({ key, written }): VolumeNode => ({ type: "volume", source: key, target: written }));
      const volumes = [...(node.volumes ?? []).map(mounted(service)), ...added];
      return volumes.length > 0 ? { ...node, volumes } : node;
    }),
  };
}

type Definition = { name?: string; labels?: Record<string, string> };

const keyOf = ({ service, written }: ImageVolume) => `${service}-${sha256(written).slice(0, 8)}`;

/** Identifies an image in a volume's name: by its digest, if known, whatever registry it comes from. */
const imageMark = (image: string) => sha256(image.slice(image.indexOf("@") + 1)).slice(0, 12);

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
