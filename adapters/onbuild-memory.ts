import { readFile } from "node:fs/promises";
import path from "node:path";
import * as v from "valibot";
import { replaceOwnFile } from "./own-folder";

const file = path.join(".everfresh", "onbuild.json");

const Memory = v.record(
  v.string(),
  v.object({ digest: v.optional(v.string()), onBuild: v.array(v.string()) }),
);

/** By image: its ONBUILD instructions and, if they came from a registry, the digest they were read at. */
export type OnBuildMemory = v.InferOutput<typeof Memory>;

/** What this checkout last learned about base images; empty if the file is missing or damaged. */
export async function readMemory(): Promise<OnBuildMemory> {
  try {
    return v.parse(Memory, JSON.parse(await readFile(file, "utf8")));
  } catch {
    return {};
  }
}

/** Writes changes. Never throws, because the next run can ask again. */
export async function writeMemory(now: OnBuildMemory, before: OnBuildMemory): Promise<void> {
  const text = JSON.stringify(now);
  if (text === JSON.stringify(before)) return;
  await replaceOwnFile(["onbuild.json"], text).catch(() => {});
}
