import { createHash } from "node:crypto";
import type { ContentFile } from "./types";

/** Raised whenever the same project would get another hash for a reason that lies in this code. */
const SCHEME = "everfresh content 1";

/**
 * The content hash: SHA-256 over the scheme's name, the inputs and the files. Every field is preceded by its kind and its length
 * in bytes, so no two different lists of fields make the same bytes.
 */
export function contentHash(inputs: Record<string, unknown>, files: ContentFile[]): string {
  const hash = createHash("sha256");
  hash.update(text(SCHEME) + value(inputs));
  let chunk = `f${files.length}:`;
  for (const { context, path, type, mode, sha256 } of files) {
    chunk += `${context === undefined ? "s0:" : text(context)}${text(path)}${ascii(type)}${ascii(mode)}${ascii(sha256)}`;
    if (chunk.length > 1 << 16) {
      hash.update(chunk);
      chunk = "";
    }
  }
  return hash.update(chunk).digest("hex");
}

function value(v: unknown): string {
  if (v === null) return "n";
  if (typeof v === "string") return text(v);
  if (typeof v === "boolean") return v ? "t" : "u";
  if (typeof v === "number") return `i${text(String(v))}`;
  if (Array.isArray(v)) return `l${v.length}:${v.map(value).join("")}`;
  const keys = Object.keys(v as object)
    .filter((key) => (v as Record<string, unknown>)[key] !== undefined)
    .sort();
  return `m${keys.length}:${keys.map((key) => text(key) + value((v as Record<string, unknown>)[key])).join("")}`;
}

/** As {@link text}, for what is as long in bytes as in characters. */
const ascii = (s: string): string => `s${s.length}:${s}`;

/** UTF-8 cannot hold a lone surrogate, which stands for a byte of a name that is not UTF-8: those are spelled out. */
function text(s: string): string {
  return s.isWellFormed() ? `s${Buffer.byteLength(s)}:${s}` : `x${text(encodeLoneSurrogates(s))}`;
}

function encodeLoneSurrogates(s: string): string {
  return s.replace(/[\ud800-\udfff%]/gu, (c) => `%${c.charCodeAt(0).toString(16)}`);
}
