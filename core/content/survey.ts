import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { relative } from "node:path";
import type { Context } from "./context";
import { foldersAbove } from "./context-path";
import { decodeName, encodePath } from "./files/names";
import { openContexts, readDockerfileOf } from "./identify";
import type { Verdict } from "./ignore";
import type { BuildSpec, ContentIdentity } from "./types";

/** The entries of a context folder, divided by whether they count. Unreadable ones have no size. */
export interface ContextSurvey {
  /** The name of a named context; absent for the main one. */
  name?: string;
  /** All files that count. */
  counted: Weight;
  /** The files and folders at the top of the context that count, largest first. */
  heaviest: Weight[];
  /** What the build does not see, largest first, without the Dockerfile and the ignore file. */
  unseen: Unseen[];
}

/** A file, or a folder with everything below it. */
export interface Weight {
  /** Relative to the context, `/` between the parts; a folder ends in `/`. */
  path: string;
  files: number;
  bytes: number;
}

export interface Unseen extends Weight {
  /** `ignored by "node_modules" in .dockerignore` or `no instruction reads it`. */
  why: string;
}

/**
 * Surveys the contexts of a build: the main one, then the named ones that it reads.
 *
 * @param identity the identity of that build
 * @throws ContentError when a context or the Dockerfile is gone
 */
export function surveyContexts(spec: BuildSpec, identity: ContentIdentity): ContextSurvey[] {
  const { file } = readDockerfileOf(spec);
  const used = Object.keys((identity.inputs.contexts ?? {}) as Record<string, string>);
  const dockerfile = file && relative(spec.context, file.found);
  return openContexts(spec, used, file).map((context) => surveyContext(context, identity, dockerfile));
}

function surveyContext(
  context: Context,
  { files }: ContentIdentity,
  dockerfile: string | undefined,
): ContextSurvey {
  const { name, ignoreFile } = context;
  const counting = files.filter((file) => file.context === name).map(({ path }) => path);
  const apart = [ignoreFile?.path, name === undefined ? dockerfile : undefined];
  const scope: Scope = {
    context,
    counts: new Set(counting),
    entered: new Set(counting.flatMap(foldersAbove)),
    apart: new Set(apart.filter((path) => path !== undefined)),
  };
  const entries = surveyFolder("", undefined, scope);
  const tops = entries.map(({ counted }) => counted).filter((counted) => counted.files > 0);
  return {
    ...(name !== undefined && { name }),
    counted: sum("./", tops),
    heaviest: heaviestFirst(tops),
    unseen: heaviestFirst(entries.flatMap(({ unseen }) => unseen)),
  };
}

interface Scope {
  context: Context;
  /** Every path that counts. */
  counts: ReadonlySet<string>;
  /** The folders that contain such a path. */
  entered: ReadonlySet<string>;
  /** Files that the builder reads itself: never unseen, and counted only if an instruction reads them. */
  apart: ReadonlySet<string>;
}

/** A file or folder, divided by whether it counts. */
interface Entry {
  counted: Weight;
  unseen: Unseen[];
}

function surveyFolder(folder: string, verdict: Verdict | undefined, scope: Scope): Entry[] {
  return entriesIn(scope.context.root, folder)
    .filter(({ path }) => !scope.apart.has(path) || scope.counts.has(path))
    .map((entry) => surveyEntry(entry, verdict, scope));
}

function surveyEntry({ path, isFolder }: Found, above: Verdict | undefined, scope: Scope): Entry {
  const { context, counts, entered } = scope;
  const verdict = context.rules.judge(path, above);
  const shown = isFolder ? `${path}/` : path;
  if (!counts.has(path) && !entered.has(path)) {
    const weight = isFolder ? weigh(context.root, path) : fileWeight(context.root, path);
    return { counted: sum(shown, []), unseen: [{ ...weight, why: reasonFor(verdict, context) }] };
  }
  if (!isFolder) return { counted: fileWeight(context.root, path), unseen: [] };
  const inside = surveyFolder(path, verdict, scope);
  const counting = inside.map(({ counted }) => counted);
  const unseen = inside.flatMap((entry) => entry.unseen);
  const counted = sum(shown, counting);
  return { counted, unseen: counted.files > 0 ? unseen : asOne(shown, unseen) };
}

/** One line for a whole folder if all of it is unseen for the same reason. */
function asOne(path: string, unseen: Unseen[]): Unseen[] {
  const [first] = unseen;
  if (!first || unseen.some(({ why }) => why !== first.why)) return unseen;
  return [{ ...sum(path, unseen), why: first.why }];
}

const reasonFor = ({ ignored, by }: Verdict, { ignoreFile }: Context): string =>
  ignored ? `ignored by "${by}" in ${ignoreFile?.path}` : "no instruction reads it";

function weigh(root: string, folder: string): Weight {
  const inside = entriesIn(root, folder).map(({ path, isFolder }) =>
    isFolder ? weigh(root, path) : fileWeight(root, path),
  );
  return sum(`${folder}/`, inside);
}

function fileWeight(root: string, path: string): Weight {
  try {
    const stat = lstatSync(encodePath(`${root}/${path}`));
    return { path, files: 1, bytes: stat.isFile() ? stat.size : 0 };
  } catch {
    return { path, files: 1, bytes: 0 };
  }
}

interface Found {
  path: string;
  isFolder: boolean;
}

/** Sorted; empty for a folder that cannot be read: a survey only describes what identify has already accepted. */
function entriesIn(root: string, folder: string): Found[] {
  let entries: Dirent<Buffer>[];
  try {
    entries = readdirSync(encodePath(`${root}/${folder}`), { withFileTypes: true, encoding: "buffer" });
  } catch {
    return [];
  }
  return entries
    .map((entry) => ({ name: decodeName(entry.name), isFolder: entry.isDirectory() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, isFolder }) => ({ path: folder === "" ? name : `${folder}/${name}`, isFolder }));
}

function sum(path: string, weights: Weight[]): Weight {
  const total = (field: "files" | "bytes") => weights.reduce((all, weight) => all + weight[field], 0);
  return { path, files: total("files"), bytes: total("bytes") };
}

const heaviestFirst = <T extends Weight>(weights: T[]): T[] =>
  weights.sort((a, b) => b.bytes - a.bytes || b.files - a.files);
