import {
  constants,
  lstatSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { dirname, isAbsolute, join, relative } from "node:path";
import type { Source } from "./dockerfile";
import { Crew } from "./files/crew";
import { sha256 } from "./files/digest";
import { digestsOf } from "./files/digests";
import { Listing } from "./files/listing";
import { decodeName, encodePath } from "./files/names";
import { unreadable } from "./files/unreadable";
import { IgnoreRules, readIgnoreFile } from "./ignore";
import { Modes } from "./mode";
import { select } from "./select";
import type { FolderCache, StatCache } from "./stat-cache";
import { ContentError, type ContentFile, type ContentIdentity, type EntryType } from "./types";
import { walk } from "./walk";

/** A context folder, with the ignore rules that apply in it. */
export interface Context {
  /** Of a named context. */
  name?: string;
  root: string;
  rules: IgnoreRules;
  ignoreFile?: ContentIdentity["ignoreFiles"][number];
  /** Permissions of the Dockerfile, to tell the checkout's umask by; absent: it is in no file. */
  sampleMode?: number;
}

/** The file that a build's Dockerfile is in. */
export interface DockerfileEntry {
  /** By which its own ignore file is called. */
  path: string;
  mode: number;
}

/**
 * @param dockerfile whose own ignore file goes before the context's; a named context knows only its own `.dockerignore`
 * @throws ContentError
 */
export function openContext(folder: string, name: string | undefined, dockerfile?: DockerfileEntry): Context {
  const root = existingFolder(folder, name);
  const own = dockerfile && name === undefined ? [`${dockerfile.path}.dockerignore`] : [];
  const opened = {
    ...(name !== undefined && { name }),
    root,
    ...(dockerfile && { sampleMode: dockerfile.mode }),
  };
  for (const path of [...own, join(root, ".dockerignore")]) {
    const text = readIfThere(path);
    if (text === undefined || !isSent(path)) continue;
    const shown = relative(root, path);
    const patterns = readIgnoreFile(text, shown);
    const ignoreFile = {
      ...(name !== undefined && { context: name }),
      path: shown,
      sha256: sha256(patterns.join("\n")),
    };
    return { ...opened, rules: new IgnoreRules(patterns), ignoreFile };
  }
  return { ...opened, rules: new IgnoreRules([]) };
}

/** What the sources take from a context, sorted by path. */
export function readContext(
  context: Context,
  sources: Source[],
  cache: StatCache | undefined,
): ContentFile[] {
  const crew = new Crew();
  try {
    const known = cache?.of(context.root);
    const listing = new Listing(context.root, crew, known?.size ?? 0);
    walk(context.root, context.rules, select(context, sources), (path) => listing.add(path));
    listing.finish();
    return contentFiles(context, listing, crew, known);
  } finally {
    crew.dismiss();
  }
}

function contentFiles(
  { root, name, sampleMode }: Context,
  listing: Listing,
  crew: Crew,
  cache: FolderCache | undefined,
): ContentFile[] {
  const types = listing.paths.map((path, i) => typeOf(listing.mode(i), path));
  const regular: number[] = [];
  for (let i = 0; i < types.length; i++) if (types[i] === "file") regular.push(i);
  const samples = sampleMode === undefined ? regular.map((i) => listing.mode(i)) : [sampleMode];
  const modes = new Modes(statSync(root).mode, samples);
  const digests = digestsOf(listing, regular, crew, cache);
  const files: ContentFile[] = [];
  let next = 0;
  for (let i = 0; i < types.length; i++) {
    const type = types[i];
    const path = listing.paths[i]!;
    const digest = type === "file" ? digests[next++] : type === "symlink" ? linkDigest(root, path) : "";
    // Gone since it was listed.
    if (type === undefined || digest === undefined) continue;
    const mode = type === "symlink" ? "0777" : modes.of(listing.mode(i));
    files.push(
      name === undefined
        ? { path, type, mode, sha256: digest }
        : { path, type, mode, sha256: digest, context: name },
    );
  }
  return files;
}

/** @returns undefined for what is gone */
function typeOf(mode: number, path: string): EntryType | undefined {
  switch (mode & constants.S_IFMT) {
    case 0:
      return undefined;
    case constants.S_IFREG:
      return "file";
    case constants.S_IFDIR:
      return "directory";
    case constants.S_IFLNK:
      return "symlink";
    case constants.S_IFIFO:
      return "fifo";
    case constants.S_IFSOCK:
      return "socket";
    default:
      throw new ContentError(`${path}: is a device; list it in .dockerignore`);
  }
}

function linkDigest(root: string, path: string): string | undefined {
  try {
    return sha256(readlinkSync(encodePath(`${root}/${path}`), "buffer"));
  } catch {
    return undefined;
  }
}

/**
 * @returns where the folder really is
 * @throws ContentError
 */
export function existingFolder(folder: string, name?: string): string {
  const what = name === undefined ? "the build context" : `the build context "${name}"`;
  if (!isAbsolute(folder)) {
    throw new ContentError(`${folder}: ${what} is not an absolute path; give the folder's full path`);
  }
  let stat: Stats | undefined;
  try {
    stat = statSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  if (stat?.isDirectory()) return realpathSync(folder);
  throw new ContentError(`${folder}: ${what} is not a folder; correct the path in the compose file`);
}

/** A text file, with bytes that are not UTF-8 kept apart; undefined when it is not there. */
export function readIfThere(path: string): string | undefined {
  try {
    return decodeName(readFileSync(path));
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code!)) return undefined;
    throw unreadable(path, error);
  }
}

/**
 * Whether the builder can read an ignore file: it is sent with what a link in it leads to, from the folder it
 * is in, so a link out of that folder leads nowhere. Its rules then do not apply.
 */
function isSent(path: string): boolean {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return true;
  const top = realpathSync(dirname(path));
  return !isAbsolute(readlinkSync(path)) && realpathSync(path).startsWith(`${top}/`);
}
