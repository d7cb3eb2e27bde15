import { createHash, type Hash } from "node:crypto";
import type { ContentFile } from "./types";

/** Raised whenever the same project would get another hash for a reason that lies in this code. */
const SCHEME = "everfresh content 1";
/** Fields that are hashed at once. */
const PIECE = 4096;

/**
 * The content hash: SHA-256 over the scheme's name, the inputs, and the files of each context. Everything has
 * its kind and its length before it, so no two different contents make the same bytes.
 *
 * Files are written in columns, which is several times as fast as a record each: how many they are, then all
 * paths, all types, all modes and all digests; within a column a NUL is between two, which none of them can
 * contain.
 *
 * @param files those of one context after those of another, sorted
 */
export function contentHash(inputs: Record<string, unknown>, files: ContentFile[]): string {
  const hash = createHash("sha256");
  hash.update(text(SCHEME) + value(inputs));
  for (let start = 0, end = 0; start < files.length; start = end) {
    const { context } = files[start]!;
    while (end < files.length && files[end]!.context === context) end++;
    const group = start === 0 && end === files.length ? files : files.slice(start, end);
    hash.update(`f${group.length}:${text(context ?? "")}`);
    column(hash, group, ({ path }) => (path.isWellFormed() ? path : encodeLoneSurrogates(path)));
    column(hash, group, ({ type }) => type);
    column(hash, group, ({ mode }) => mode);
    column(hash, group, ({ sha256 }) => sha256);
  }
  return hash.digest("hex");
}

/** In pieces, as all of a column at once would be most of the memory. */
function column(hash: Hash, files: ContentFile[], field: (file: ContentFile) => string): void {
  let bytes = files.length - 1;
  for (const file of files) bytes += Buffer.byteLength(field(file));
  hash.update(`c${bytes}:`);
  for (let start = 0; start < files.length; start += PIECE) {
    const piece = files
      .slice(start, start + PIECE)
      .map(field)
      .join("\0");
    hash.update(start === 0 ? piece : `\0${piece}`);
  }
}

function value(v: unknown): string {
  if (v === null) return "n";
  if (typeof v === "string") return text(v);
  if (typeof v === "boolean") return v ? "t" : "u";
  if (typeof v === "number") return `i${text(String(v))}`;
  if (Array.isArray(v)) return `l${v.length}:${v.map(value).join("")}`;
  const fields = Object.entries(v as object).filter(([, field]) => field !== undefined);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `m${fields.length}:${fields.map(([key, field]) => text(key) + value(field)).join("")}`;
}

function text(s: string): string {
  if (!s.isWellFormed()) return `x${text(encodeLoneSurrogates(s))}`;
  return `s${Buffer.byteLength(s)}:${s}`;
}

/**
 * UTF-8 cannot hold a lone surrogate, which stands for a byte that is not UTF-8. No path begins with a slash
 * otherwise.
 */
function encodeLoneSurrogates(s: string): string {
  return `/${s.replace(/[\ud800-\udfff%]/gu, (c) => `%${c.charCodeAt(0).toString(16)}`)}`;
}
