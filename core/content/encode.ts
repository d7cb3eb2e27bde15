import { createHash, type Hash } from "node:crypto";
import type { ContentFile } from "./types";

/** Increase this whenever a change to this code changes the hash of an unchanged project. */
const SCHEME = "everfresh content 1";
/** The number of fields hashed at once. */
const PIECE = 4096;

/**
 * The content hash: SHA-256 over the scheme's name, the inputs, and the files of each context. Each value is preceded by
 * its kind and length, so different contents never give the same bytes.
 *
 * Files are written in columns, which is several times as fast as one record per file: their number, then all paths,
 * types, modes and digests. The fields of a column are separated by NUL, which none of them can contain.
 *
 * @param files grouped by context, sorted
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

/** Hashes a column in pieces, because a whole one would dominate memory use. */
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
 * Escapes lone surrogates, which stand for invalid bytes and cannot be written as UTF-8. The result begins with a slash,
 * as no other path does.
 */
function encodeLoneSurrogates(s: string): string {
  return `/${s.replace(/[\ud800-\udfff%]/gu, (c) => `%${c.charCodeAt(0).toString(16)}`)}`;
}
