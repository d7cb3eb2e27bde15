import { statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { own } from "../records";
import { type Context, type DockerfileEntry, existingFolder, openContext, readIfThere } from "./context";
import { analyse, type PlanOptions, pinImages, type Reading } from "./dockerfile";
import { contentHash } from "./encode";
import { encodePath } from "./files/names";
import { readContext } from "./read-context";
import { type BuildSpec, ContentError, type ContentIdentity, type IdentifyOptions } from "./types";

/**
 * Identifies what the image of `spec` is built from. Needs neither Docker nor the network.
 *
 * @throws ContentError for problems that the user has to fix: no context, no Dockerfile, an unreadable file, …
 */
export async function identify(spec: BuildSpec, options: IdentifyOptions = {}): Promise<ContentIdentity> {
  const dockerfile = readDockerfileOf(spec);
  const reading = readingOf(spec, options);
  const contexts = openContexts(spec, reading.contexts, dockerfile.file);
  const files = contexts.flatMap((context) =>
    readContext(context, sourcesOf(context, reading), options.cache),
  );
  const inputs = { ...dockerfileInputs(spec, reading, options), ...imageInputs(spec, options, reading) };
  const reasons = wholeReasons(reading);
  return {
    content: contentHash(inputs, files),
    wholeContext: reasons.length > 0,
    reasons,
    files,
    inputs,
    ignoreFiles: contexts.flatMap(({ ignoreFile }) => ignoreFile ?? []),
  };
}

/** What a build's stages begin with, copy from or mount, except other stages. */
export interface BaseImages {
  /** External images, as the Dockerfile names them. */
  images: string[];
  /** Names of the named contexts in use. */
  contexts: string[];
  /** Why the list may be incomplete, in words. */
  unsure?: string;
}

/** @throws ContentError as {@link identify} does */
export async function baseImages(
  spec: BuildSpec,
  options: Pick<IdentifyOptions, "baseOnBuild"> = {},
): Promise<BaseImages> {
  const reading = readingOf(spec, options);
  const images = imagesOf(spec, reading);
  const { contexts } = reading;
  return images ? { images, contexts } : { images: [], contexts, unsure: reading.unsure! };
}

/** @throws ContentError when there is none. */
export const dockerfileText = (spec: BuildSpec): string => readDockerfileOf(spec).text;

/** The external images that stages begin with, which may have ONBUILD instructions. */
export async function parentImages(spec: BuildSpec): Promise<string[]> {
  return readingOf(spec, {}).parents.filter((image) => serviceOf(image) === undefined);
}

/**
 * The ONBUILD instructions of the built image.
 *
 * @returns undefined if they are uncertain
 * @throws ContentError as {@link identify} does
 */
export async function ownOnBuild(
  spec: BuildSpec,
  options: Pick<IdentifyOptions, "baseOnBuild"> = {},
): Promise<string[] | undefined> {
  return readingOf(spec, options).onBuild;
}

/**
 * A build's Dockerfile with the images of other services in place of its `service:` contexts.
 *
 * @param refs - the images, `repository@digest`, by the names of the contexts.
 * @returns undefined if this might build something else; then the builder needs the contexts
 * @throws ContentError as {@link identify} does
 */
export function pinnedDockerfile(
  spec: BuildSpec,
  options: Pick<IdentifyOptions, "baseOnBuild">,
  refs: Readonly<Record<string, string>>,
): string | Buffer | undefined {
  const text = pinImages(readDockerfileOf(spec).text, planOptions(spec, options), refs);
  return text === undefined ? undefined : encodePath(text);
}

/** The service that builds the image of a named context; undefined for any other context. */
export const serviceOf = (context: string): string | undefined => /^service:(.+)$/s.exec(context)?.[1];

function imagesOf(spec: BuildSpec, { images, contexts }: Reading): string[] | undefined {
  if (images === undefined) return undefined;
  const named = contextImages(spec);
  return [...new Set([...images, ...contexts.flatMap((name) => own(named, name) ?? [])])].sort();
}

/** The named contexts that are images, in a registry or on this machine. */
function contextImages({ additionalContexts }: BuildSpec): Record<string, string> {
  const images = Object.entries(additionalContexts).map(([name, value]) => [
    name,
    /^docker-image:\/\/(.+)$/.exec(value)?.[1],
  ]);
  return Object.fromEntries(images.filter(([, image]) => image !== undefined));
}

/**
 * Opens the contexts that the build reads: the main one, then the named ones that are folders.
 *
 * @param used names of the named contexts in use
 */
export function openContexts(
  spec: BuildSpec,
  used: string[],
  dockerfile: DockerfileEntry | undefined,
): Context[] {
  const named = used.filter((name) => isAbsolute(spec.additionalContexts[name]!));
  return [
    openContext(spec.context, undefined, dockerfile),
    ...named.map((name) => openContext(spec.additionalContexts[name]!, name, dockerfile)),
  ];
}

const sourcesOf = (context: Context, reading: Reading) =>
  reading.sources.filter((source) => source.context === context.name);

const readingOf = (spec: BuildSpec, options: IdentifyOptions): Reading =>
  analyse(readDockerfileOf(spec).text, planOptions(spec, options));

function planOptions(spec: BuildSpec, options: Pick<IdentifyOptions, "baseOnBuild">): PlanOptions {
  const built = Object.entries(spec.additionalContexts).filter(([, value]) => serviceOf(value));
  return {
    args: spec.args,
    ...(spec.target !== undefined && spec.target !== "" && { target: spec.target }),
    ...(spec.platforms.length === 1 && { platform: spec.platforms[0]! }),
    contexts: Object.keys(spec.additionalContexts).sort(),
    contextImages: { ...contextImages(spec), ...Object.fromEntries(built) },
    ...(options.baseOnBuild && { onBuild: options.baseOnBuild }),
  };
}

function dockerfileInputs(
  spec: BuildSpec,
  reading: Reading,
  { builtContents }: IdentifyOptions,
): Record<string, unknown> {
  const contexts = reading.contexts.map((name) => {
    const value = spec.additionalContexts[name]!;
    const service = serviceOf(value);
    // Leaves out the service's name, which can change without changing the image.
    if (service !== undefined) return [name, `content ${contentOf(service, builtContents)}`];
    return [name, isAbsolute(value) ? "a folder" : value];
  });
  return {
    dockerfile: reading.dockerfile,
    // A different frontend may build a different image from the same text.
    syntax: reading.syntax,
    target: reading.target,
    args: reading.args,
    contexts: Object.fromEntries(contexts),
  };
}

function contentOf(service: string, contents: IdentifyOptions["builtContents"]): string {
  const content = own(contents, service);
  if (content === undefined)
    throw new Error(`the content of ${service} is not known; this is a bug in everfresh`);
  return content;
}

function imageInputs(spec: BuildSpec, options: IdentifyOptions, reading: Reading): Record<string, unknown> {
  const { network, extraHosts, shmSize } = spec;
  return {
    platforms: [...spec.platforms].sort(),
    labels: spec.labels,
    secrets: [...spec.secrets].sort(),
    // Always empty, because compose files with it are refused. Removing it would change every hash.
    ssh: [],
    provenance: spec.provenance,
    sbom: spec.sbom,
    ...(reading.runs && { network, extraHosts, shmSize }),
    fresh: options.fresh,
    baseDigests: ofImages(options.baseDigests, spec, reading),
  };
}

function ofImages(perImage: Record<string, string> | undefined, spec: BuildSpec, reading: Reading) {
  const images = imagesOf(spec, reading);
  if (!perImage || !images) return perImage;
  const used = Object.entries(perImage).filter(([image]) => images.includes(image));
  return used.length > 0 ? Object.fromEntries(used) : undefined;
}

function wholeReasons(reading: Reading): string[] {
  if (reading.unsure !== undefined)
    return [
      `everything counts, because the Dockerfile may be read differently by the builder: ${reading.unsure}`,
    ];
  const whole = reading.sources.filter(
    ({ context, path, exclude }) => !context && path === "" && exclude.length === 0,
  );
  return [...new Set(whole.map(({ by }) => `${by} reads all of it`))];
}

/** @throws ContentError when there is no context or no Dockerfile */
export function readDockerfileOf(spec: BuildSpec): { text: string; file?: DockerfileEntry } {
  existingFolder(spec.context);
  if (spec.dockerfileInline !== undefined) return { text: spec.dockerfileInline };
  const path = resolve(spec.context, spec.dockerfile ?? "Dockerfile");
  // BuildKit tries this name too.
  const second = basename(path) === "Dockerfile" ? join(dirname(path), "dockerfile") : path;
  for (const candidate of new Set([path, second])) {
    const text = readIfThere(candidate);
    if (text !== undefined) return { text, file: { path, found: candidate, mode: statSync(candidate).mode } };
  }
  throw new ContentError(`${path}: there is no such Dockerfile; correct \`dockerfile\` in the compose file`);
}
