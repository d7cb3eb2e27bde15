import { lstatSync, readdirSync } from "node:fs";
import type { Context } from "./context";
import { decodeName, encodePath } from "./files/names";
import { identify, openContexts, readDockerfileOf, readingOf } from "./identify";
import type { Verdict } from "./ignore";
import type { BuildSpec, ContentFile, ContentIdentity, IdentifyOptions } from "./types";

/** Why a build has the hash it has. */
export interface Explanation {
  identity: ContentIdentity;
  /** What is in a context and does not count; a folder where nothing in it does. */
  unseen: Unseen[];
  /** Bytes of all files that count. */
  bytes: number;
  /** Those at the top of a context with the most bytes, the largest first. */
  largest: Weight[];
  /** The largest of the files that count. */
  largestFiles: Weight[];
}

export interface Unseen {
  context?: string;
  /** A folder ends in `/`. */
  path: string;
  /** `ignored by "node_modules" in .dockerignore`, `no instruction reads it`. */
  why: string;
}

export interface Weight {
  context?: string;
  /** A folder ends in `/`. */
  path: string;
  bytes: number;
  files: number;
}

const SHOWN = 10;

/**
 * Everything that is known about the content of a build. Slower than {@link identify}: it looks at sizes, and
 * at what does not count.
 *
 * @throws ContentError as {@link identify} does
 */
export async function explain(spec: BuildSpec, options: IdentifyOptions = {}): Promise<Explanation> {
  const identity = await identify(spec, options);
  const contexts = openContexts(spec, readingOf(spec, options), readDockerfileOf(spec).file);
  const weights = contexts.flatMap((context) => weigh(context, filesOf(context, identity)));
  const bytes = weights.reduce((total, weight) => total + weight.bytes, 0);
  return {
    identity,
    unseen: contexts.flatMap((context) => unseenIn(context, filesOf(context, identity))),
    bytes,
    largest: heaviest(byTop(weights)),
    largestFiles: heaviest(weights),
  };
}

const filesOf = ({ name }: Context, { files }: ContentIdentity) =>
  files.filter(({ context }) => context === name);
const named = ({ name }: Context) => (name === undefined ? {} : { context: name });
const heaviest = (weights: Weight[]) => [...weights].sort((a, b) => b.bytes - a.bytes).slice(0, SHOWN);

function weigh(context: Context, files: ContentFile[]): Weight[] {
  return files
    .filter(({ type }) => type === "file")
    .map(({ path }) => {
      const stat = lstatSync(encodePath(`${context.root}/${path}`), { throwIfNoEntry: false });
      return { ...named(context), path, bytes: stat?.size ?? 0, files: 1 };
    });
}

function byTop(weights: Weight[]): Weight[] {
  const tops = new Map<string, Weight>();
  for (const { context, path, bytes } of weights) {
    const slash = path.indexOf("/");
    const top = slash < 0 ? path : path.slice(0, slash + 1);
    const key = `${context ?? ""}\0${top}`;
    const sum = tops.get(key) ?? { ...(context !== undefined && { context }), path: top, bytes: 0, files: 0 };
    tops.set(key, { ...sum, bytes: sum.bytes + bytes, files: sum.files + 1 });
  }
  return [...tops.values()];
}

function unseenIn(context: Context, files: ContentFile[]): Unseen[] {
  const counts = new Set<string>();
  for (const { path } of files) {
    counts.add(path);
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1))
      counts.add(path.slice(0, at));
  }
  const found: Unseen[] = [];
  look("", undefined);
  return found;

  function look(folder: string, above: Verdict | undefined): void {
    const entries = readdirSync(encodePath(folder === "" ? context.root : `${context.root}/${folder}`), {
      withFileTypes: true,
      encoding: "buffer" as never,
    });
    for (const entry of entries) {
      const name = decodeName(entry.name as unknown as Buffer);
      const path = folder === "" ? name : `${folder}/${name}`;
      const verdict = context.rules.judge(path, above);
      if (!counts.has(path)) {
        found.push({
          ...named(context),
          path: entry.isDirectory() ? `${path}/` : path,
          why: whyNot(context, verdict),
        });
      } else if (entry.isDirectory()) look(path, verdict);
    }
  }
}

function whyNot({ ignoreFile }: Context, { ignored, by }: Verdict): string {
  return ignored ? `ignored by "${by}" in ${ignoreFile?.path}` : "no instruction reads it";
}
