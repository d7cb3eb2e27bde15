import { readFile } from "node:fs/promises";
import path from "node:path";
import type { ContentIdentity } from "../core/content";
import { replaceFile } from "./files";

const folder = path.join(".everfresh", "content");

/** What a content hash stands for, if this checkout has seen it. */
export async function readManifest(content: string): Promise<ContentIdentity | undefined> {
  try {
    return JSON.parse(await readFile(path.join(folder, `${content}.json`), "utf8")) as ContentIdentity;
  } catch {
    return undefined;
  }
}

/** Remembers what a content hash stands for, so that a later change can be explained. */
export async function writeManifest(identity: ContentIdentity): Promise<void> {
  await replaceFile(path.join(folder, `${identity.content}.json`), JSON.stringify(identity));
}
