import { createHmac } from "node:crypto";
import type { ComposeProject, ComposeService } from "../compose/project";
import { composeText, renderCompose, renderDocument, storePath } from "../compose/render";
import type { FileTree } from "../files";
import type { HostPath, Layers, Release, Rollout } from "../host/types";
import { nameOnHosts } from "../images";
import { mapValues, own } from "../records";
import type { Transport } from "../settings";
import type { Provenance, PushedImage } from "./deployed";
import { routesOf } from "./host-rollouts";
import { contentOf, type ImageDecision, type ImageDecisions } from "./images";
import { liveFileOf } from "./live-files";
import { behaviourOf, type RenderedDocument, requirementsOf } from "./requirements";

/** What a release is made of. */
export interface Ingredients {
  project: ComposeProject;
  /** Every file that the compose file mounts, read whole. */
  files: readonly FileTree[];
  /** The hosts' own paths that it mounts, by the source of the bind mount. */
  hostPaths: ReadonlyMap<string, HostPath>;
  /** The images of services that follow a tag, by digest: `redis:7@sha256:…`. */
  followed: Readonly<Record<string, string>>;
  /** The services whose new containers start beside the old ones. */
  rollouts: Readonly<Record<string, Rollout>>;
  /** How the hosts get the images that are built. */
  transport: Transport;
  /** A new value makes a new release and recreates every container. */
  forceRecreate?: string;
}

/** What is known of a release once its images are in the registry. */
export interface Known {
  id: string;
  /** One for each of its files, in their order. */
  fingerprints: readonly string[];
  images: Readonly<Record<string, PushedImage>>;
  /** By the images' names on the hosts, as far as they are known. */
  layers: Readonly<Record<string, Layers>>;
  provenance: Provenance;
}

/** The release as it is sent to hosts. */
export function assembleRelease(ingredients: Ingredients, known: Known): Release {
  const { project, files, hostPaths, followed, transport, forceRecreate } = ingredients;
  const { id, fingerprints, images, provenance } = known;
  const { tag, commit, dirty } = provenance;
  const shipped = files.map((tree, i) => ({
    ...tree,
    fingerprint: fingerprints[i]!,
    live: liveFileOf(tree.file, project),
  }));
  const isLive = shipped.some(({ live }) => live);
  const inStore = ({ file, fingerprint }: (typeof shipped)[number]) =>
    storePath(fingerprint, file.name, file.access !== undefined);
  const render = (pathOf: (tree: (typeof shipped)[number]) => string) =>
    renderDocument(project, {
      images: { ...followed, ...mapValues(images, ({ ref }) => nameOnHosts(ref, transport, project.name)) },
      files: new Map(shipped.map((tree) => [tree.file.key, pathOf(tree)])),
      hostPaths,
      forceRecreate,
    });
  const document = render((tree) => (tree.live ? `./${tree.live.path}` : inStore(tree)));
  const rendered = document as RenderedDocument;
  return {
    id,
    project: project.name,
    tag,
    commit,
    dirty,
    compose: composeText(document),
    ...(isLive ? { composeToCheck: composeText(render(inStore)) } : {}),
    hostPaths: [...hostPaths.values()],
    files: shipped.map(({ file, entries, fingerprint, live }) => ({
      fingerprint,
      path: file.where,
      entries,
      ...(live ? { live } : {}),
    })),
    services: project.services.map((service) => ({
      ...serviceOf(service, ingredients, known, rendered),
      files: shipped
        .filter(({ file }) => file.services.includes(service.name))
        .map(({ fingerprint }) => fingerprint),
    })),
    ...requirementsOf(rendered),
  };
}

function serviceOf(
  service: ComposeService,
  ingredients: Ingredients,
  { images, layers }: Known,
  rendered: RenderedDocument,
) {
  const { project, rollouts } = ingredients;
  const { name, replicas, restarts, verify, commands } = service;
  const built = own(images, name);
  const rollout = own(rollouts, name);
  const image = imageOnHosts(service, images, ingredients);
  return {
    name,
    image,
    ...(built ? { content: built.content, digest: built.digest } : {}),
    layers: own(layers, image),
    replicas,
    restarts,
    verify,
    ...(rollout ? { rollout } : {}),
    ...routesOf(service.name, project),
    ...commands,
    ...behaviourOf(name, verify, rendered),
  };
}

/** A service's image where it is pulled from: `repository@digest`, or the name in the compose file. */
export const imageRef = (
  { name, image }: ComposeService,
  images: Readonly<Record<string, { ref: string }>>,
  followed: Readonly<Record<string, string>>,
): string => own(images, name)?.ref ?? own(followed, name) ?? image!;

/** A service's image as the hosts name it. */
export function imageOnHosts(
  service: ComposeService,
  images: Readonly<Record<string, { ref: string }>>,
  { followed, transport, project }: Pick<Ingredients, "followed" | "transport" | "project">,
): string {
  const ref = imageRef(service, images, followed);
  return own(images, service.name) ? nameOnHosts(ref, transport, project.name) : ref;
}

/**
 * What a release's id depends on, under readable names, because `preview` shows the entries that change.
 *
 * @param key - keys the hash of the compose file, so that the hash reveals nothing about a secret's value.
 * @param fingerprints - of the files, in their order.
 */
export function releaseKeepers(
  { project, files, hostPaths, followed, rollouts, forceRecreate }: Ingredients,
  decisions: ImageDecisions,
  key: string,
  fingerprints: readonly string[],
): Record<string, string> {
  const compose = renderCompose(project, {
    images: mapValues({ ...followed, ...decisions }, (_, service) => service),
    // The contents of the files have keepers of their own.
    files: new Map(files.map(({ file }) => [file.key, `${file.where}/-`])),
    hostPaths,
    forceRecreate,
  });
  const checks = JSON.stringify(project.services.map(({ name, verify }) => [name, verify]));
  // Added only if there are any, so that the releases of other projects keep the ids that they had before these existed.
  const added = [
    rollouts,
    Object.fromEntries(
      project.services.flatMap(({ name, commands }) =>
        Object.keys(commands).length > 0 ? [[name, commands]] : [],
      ),
    ),
  ].filter((values) => Object.keys(values).length > 0);
  const prefixed = (values: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(values).map(([service, value]) => [`image ${service}`, value]));
  return {
    ...prefixed(mapValues(decisions, imageKeeper)),
    ...prefixed(mapValues(followed, (ref) => ref.slice(ref.indexOf("@") + 1))),
    ...Object.fromEntries(files.map(({ file }, i) => [file.where, fingerprints[i]!.slice(0, 16)])),
    "compose file": createHmac("sha256", key)
      .update(compose)
      .update(checks)
      .update(added.map((values) => JSON.stringify(values)).join(""))
      .digest("hex")
      .slice(0, 16),
  };
}

/** Another stack may have the same content under another digest. */
const imageKeeper = (decision: ImageDecision): string =>
  decision.kind === "promoted" ? decision.image.digest : contentOf(decision);
