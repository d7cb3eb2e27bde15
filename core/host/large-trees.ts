import { createHash } from "node:crypto";
import { sizeOf } from "../file-bytes";
import type { Release, ReleaseFile } from "./types";

/** Whether a tree is too large for the request and is sent to the host separately. */
export const isLarge = ({ entries }: ReleaseFile): boolean =>
  entries.some((entry) => entry.type === "file" && !(entry.bytes instanceof Uint8Array));

/** The total size of the trees' files, in bytes. */
export const bytesIn = (files: readonly ReleaseFile[]): number =>
  files
    .flatMap(({ entries }) => entries)
    .reduce((sum, entry) => sum + (entry.type === "file" ? sizeOf(entry.bytes) : 0), 0);

/**
 * What a host must find in these trees, a line each: `<fingerprint> <sum>`. The sum is SHA-256 over what `listing` in
 * remote/stage.sh prints for the tree, so that a tree that was cut off or changed while being sent is rejected.
 */
export const largeTreeLines = ({ files }: Release): string[] => [
  ...new Set(files.filter(isLarge).map((file) => `${file.fingerprint} ${sumOf(file)}`)),
];

function sumOf({ fingerprint, entries }: ReleaseFile): string {
  const lines = entries.flatMap((entry) => {
    const path = `${fingerprint}/${entry.path}`;
    if (entry.type === "directory") return [];
    if (entry.type === "symlink") return [`link ${path} ${entry.target}`];
    const { bytes, executable } = entry;
    const sha256 =
      bytes instanceof Uint8Array ? createHash("sha256").update(bytes).digest("hex") : bytes.sha256;
    return [
      `${sha256}  ${path}`,
      ...(executable ? [`runs ${path}`] : []),
      ...(entry.private ? [`private ${path}`] : []),
    ];
  });
  const sorted = lines.map((line) => Buffer.from(`${line}\n`)).sort(Buffer.compare);
  return createHash("sha256").update(Buffer.concat(sorted)).digest("hex");
}
