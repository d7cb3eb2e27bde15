import type { ComposeProject } from "../compose/project";
import { renderCompose, storePath } from "../compose/render";
import type { FileTree } from "../files";
import type { HostPath, Layers, Release } from "../host/types";
import { mapValues, own } from "../records";

/** What a release is made from. */
export interface Ingredients {
  project: ComposeProject;
  /** Every file that the compose file mounts, read whole. */
  files: FileTree[];
  /** What it mounts of the hosts' own, by the source of the bind mount. */
  hostPaths: ReadonlyMap<string, HostPath>;
  /** The images of services that follow a tag, by digest. */
  followed?: Readonly<Record<string, string>>;
  /** Changing it recreates every container. */
  forceRecreate?: string;
}

/** The image of each service that is built, pushed. */
export type KnownImages = Readonly<Record<string, { content: string; digest: string; ref: string }>>;

/** What is known of a release once its images are in the registry. */
export interface Known {
  id: string;
  /** Of each of its files, in their order. */
  fingerprints: readonly string[];
  images: KnownImages;
  /** By the images' names on the hosts, as far as they are known. */
  layers: Readonly<Record<string, Layers>>;
  tag: string;
  commit?: string;
  dirty?: boolean;
}

/** The release as hosts are told of it. */
export function assembleRelease(
  { project, files, hostPaths, followed = {}, forceRecreate }: Ingredients,
  { id, fingerprints, images, layers, tag, commit, dirty }: Known,
): Release {
  const shipped = files.map((tree, i) => ({ ...tree, fingerprint: fingerprints[i]! }));
  return {
    id,
    project: project.name,
    tag,
    commit,
    dirty,
    compose: renderCompose(project, {
      images: { ...followed, ...mapValues(images, ({ ref }) => ref) },
      files: new Map(
        shipped.map(({ file, fingerprint }) => [
          file.key,
          storePath(fingerprint, file.name, file.access !== undefined),
        ]),
      ),
      hostPaths,
      forceRecreate,
    }),
    hostPaths: [...hostPaths.values()],
    files: shipped.map(({ file, entries, fingerprint }) => ({ fingerprint, path: file.where, entries })),
    services: project.services.map(({ name, image, replicas, restarts, verify }) => {
      const built = own(images, name);
      const ref = built?.ref ?? own(followed, name) ?? image!;
      return {
        name,
        image: ref,
        ...(built ? { content: built.content, digest: built.digest } : {}),
        layers: own(layers, ref),
        replicas,
        restarts,
        files: shipped
          .filter(({ file }) => file.services.includes(name))
          .map(({ fingerprint }) => fingerprint),
        verify,
      };
    }),
  };
}
