import { readFile } from "node:fs/promises";
import path from "node:path";
import * as v from "valibot";
import type { ContentIdentity } from "../core/content";
import { Problems } from "../core/problems";
import { replaceOwnFile } from "./own-folder";

const folder = "content";

const Instructions = v.array(v.looseObject({ text: v.string(), from: v.optional(v.array(v.string())) }));

/** Only the fields that comparisons interpret. They compare the rest as is. */
const Manifest = v.looseObject({
  content: v.string(),
  wholeContext: v.boolean(),
  reasons: v.array(v.string()),
  files: v.array(
    v.looseObject({
      path: v.string(),
      type: v.picklist(["file", "directory", "symlink", "fifo", "socket"]),
      mode: v.string(),
      sha256: v.string(),
      context: v.optional(v.string()),
    }),
  ),
  inputs: v.looseObject({ dockerfile: v.optional(v.union([v.string(), Instructions])) }),
  ignoreFiles: v.optional(
    v.array(v.looseObject({ path: v.string(), sha256: v.string(), context: v.optional(v.string()) })),
    [],
  ),
});

/** The identity behind a content hash; undefined if this checkout has not seen it or its record is damaged. */
export async function readManifest(content: string): Promise<ContentIdentity | undefined> {
  // The hash comes from a host, which may send anything.
  if (!/^[0-9a-f]{64}$/.test(content)) return undefined;
  try {
    const text = await readFile(path.join(".everfresh", folder, `${content}.json`), "utf8");
    const manifest = v.parse(Manifest, JSON.parse(text));
    return manifest.content === content ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Records the identity behind a content hash, so that a later change can be explained.
 *
 * @throws Problems if a link is in its place.
 */
export async function writeManifest(identity: ContentIdentity): Promise<void> {
  try {
    await replaceOwnFile([folder, `${identity.content}.json`], JSON.stringify(identity));
  } catch (error) {
    if (error instanceof Problems) throw error; // other failures only mean that the next change cannot be explained
  }
}
