import { statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { own } from "../records";
import {
  type Context,
  type DockerfileEntry,
  existingFolder,
  openContext,
  readContext,
  readIfThere,
} from "./context";
import { analyse, type Reading } from "./dockerfile";
import { contentHash } from "./encode";
import { type BuildSpec, ContentError, type ContentIdentity, type IdentifyOptions } from "./types";

/**
 * What the build of `spec` is made from, and its hash. Needs neither Docker nor the network.
 *
 * @throws ContentError for what the user has to mend: no context, no Dockerfile, an unreadable file, …
 */
export async function identify(spec: BuildSpec, options: IdentifyOptions = {}): Promise<ContentIdentity> {
  const dockerfile = readDockerfileOf(spec);
  const reading = readingOf(spec, options);
  const contexts = openContexts(spec, reading, dockerfile.file);
  const files = contexts.flatMap((context) =>
    readContext(context, sourcesOf(context, reading), options.cache),
  );
  const inputs = { ...dockerfileInputs(spec, reading), ...imageInputs(spec, options, reading) };
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

/** The external images that a build's stages begin with, copy from or mount, as the Dockerfile names them. */
export interface BaseImages {
  images: string[];
  /** Why it is not certain that these are all, in words. */
  unsure?: string;
}

/** @throws ContentError as {@link identify} does */
export async function baseImages(
  spec: BuildSpec,
  options: Pick<IdentifyOptions, "baseOnBuild"> = {},
): Promise<BaseImages> {
  const reading = readingOf(spec, options);
  const images = imagesOf(spec, reading);
  return images ? { images } : { images: [], unsure: reading.unsure! };
}

/** Those of {@link baseImages} that stages begin with: they may have ONBUILD instructions. */
export async function parentImages(spec: BuildSpec): Promise<string[]> {
  return readingOf(spec, {}).parents;
}

function imagesOf(spec: BuildSpec, { images, contexts }: Reading): string[] | undefined {
  if (images === undefined) return undefined;
  const named = contextImages(spec);
  return [...new Set([...images, ...contexts.flatMap((name) => own(named, name) ?? [])])].sort();
}

function contextImages({ additionalContexts }: BuildSpec): Record<string, string> {
  const images = Object.entries(additionalContexts).map(([name, value]) => [
    name,
    /^docker-image:\/\/(.+)$/.exec(value)?.[1],
  ]);
  return Object.fromEntries(images.filter(([, image]) => image !== undefined));
}

/** The contexts that the build reads: the main one, and those named ones in use that are folders, by name. */
export function openContexts(
  spec: BuildSpec,
  reading: Reading,
  dockerfile: DockerfileEntry | undefined,
): Context[] {
  const named = reading.contexts.filter((name) => isAbsolute(spec.additionalContexts[name]!));
  return [
    openContext(spec.context, undefined, dockerfile),
    ...named.map((name) => openContext(spec.additionalContexts[name]!, name, dockerfile)),
  ];
}

export const sourcesOf = (context: Context, reading: Reading) =>
  reading.sources.filter((source) => source.context === context.name);

export function readingOf(spec: BuildSpec, options: IdentifyOptions): Reading {
  return analyse(readDockerfileOf(spec).text, {
    args: spec.args,
    ...(spec.target !== undefined && spec.target !== "" && { target: spec.target }),
    ...(spec.platforms.length === 1 && { platform: spec.platforms[0]! }),
    contexts: Object.keys(spec.additionalContexts).sort(),
    contextImages: contextImages(spec),
    ...(options.baseOnBuild && { onBuild: options.baseOnBuild }),
  });
}

function dockerfileInputs(spec: BuildSpec, reading: Reading): Record<string, unknown> {
  const contexts = reading.contexts.map((name) => {
    const value = spec.additionalContexts[name]!;
    return [name, isAbsolute(value) ? "a folder" : value];
  });
  return {
    dockerfile: reading.dockerfile,
    // A frontend other than the builder's own may make another image of the same text.
    syntax: reading.syntax,
    target: reading.target,
    args: reading.args,
    contexts: Object.fromEntries(contexts),
  };
}

function imageInputs(spec: BuildSpec, options: IdentifyOptions, reading: Reading): Record<string, unknown> {
  const { network, extraHosts, shmSize, ulimits, privileged, entitlements, isolation } = spec;
  const ofRun = { network, extraHosts, shmSize, ulimits, privileged, entitlements, isolation };
  return {
    platforms: [...spec.platforms].sort(),
    labels: spec.labels,
    secrets: [...spec.secrets].sort(),
    ssh: [...spec.ssh].sort(),
    provenance: spec.provenance,
    sbom: spec.sbom,
    ...(reading.runs && ofRun),
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
    return [`everything counts, as the Dockerfile is not certain to be understood: ${reading.unsure}`];
  const whole = reading.sources.filter(
    ({ context, path, exclude }) => !context && path === "" && exclude.length === 0,
  );
  return [...new Set(whole.map(({ by }) => `${by} reads all of it`))];
}

export function readDockerfileOf(spec: BuildSpec): { text: string; file?: DockerfileEntry } {
  existingFolder(spec.context);
  if (spec.dockerfileInline !== undefined) return { text: spec.dockerfileInline };
  const path = resolve(spec.context, spec.dockerfile ?? "Dockerfile");
  // BuildKit's own second try.
  const second = basename(path) === "Dockerfile" ? join(dirname(path), "dockerfile") : path;
  for (const candidate of new Set([path, second])) {
    const text = readIfThere(candidate);
    if (text !== undefined) return { text, file: { path, mode: statSync(candidate).mode } };
  }
  throw new ContentError(`${path}: there is no such Dockerfile; correct \`dockerfile\` in the compose file`);
}
