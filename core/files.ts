import { createHmac } from "node:crypto";
import type { ReferencedFile } from "./compose/project";
import { piecesOf, sizeOf } from "./file-bytes";
import type { ReleaseFileEntry } from "./host/types";

/** A file or folder of the release, with everything in it. */
export interface FileTree {
  file: ReferencedFile;
  entries: ReleaseFileEntry[];
}

/**
 * Identifies a tree by its names, types, executable bits and bytes: HMAC-SHA256 (RFC 2104) in 64 hex digits, each field
 * framed by its length. Without the key it reveals nothing about a secret's value.
 */
export function fingerprint(entries: readonly ReleaseFileEntry[], key: string): string {
  const hmac = createHmac("sha256", key);
  const field = (value: string) => hmac.update(`${Buffer.byteLength(value)}:`).update(value);
  for (const entry of entries) {
    field(entry.type);
    field(entry.path);
    if (entry.type === "file") {
      field(`${entry.executable ? "x" : "-"}${markOf(entry)}`);
      hmac.update(`${sizeOf(entry.bytes)}:`);
      for (const piece of piecesOf(entry.bytes)) hmac.update(piece);
    }
    if (entry.type === "symlink") field(entry.target);
  }
  return hmac.digest("hex");
}

/** Empty for the usual file, which others may read and which has no owner of its own. */
function markOf(entry: Extract<ReleaseFileEntry, { type: "file" }>): string {
  const { access } = entry;
  const owner = access ? ` ${access.uid}:${access.gid}:${access.mode}` : "";
  return `${entry.private ? "private" : ""}${owner}`;
}
