import { readdir, stat } from "node:fs/promises";
import type { SourceFacts } from "../core/compose/mounts";
import { gitFacts } from "./git";

/** Looks at the sources of bind mounts, absolute paths: what they are, and what git knows of them. */
export async function readSources(sources: readonly string[]): Promise<Map<string, SourceFacts>> {
  const facts = sources.map(async (source) => {
    const [found, git] = await Promise.all([look(source), gitFacts(source)]);
    return [source, { ...found, ...git }] as const;
  });
  return new Map(await Promise.all(facts));
}

async function look(source: string): Promise<Pick<SourceFacts, "kind" | "empty">> {
  const stats = await stat(source).catch(() => undefined);
  if (stats === undefined) return {};
  if (stats.isFile()) return { kind: "file" };
  if (!stats.isDirectory()) return { kind: "other" };
  const children = await readdir(source).catch(() => []);
  return { kind: "folder", empty: children.length === 0 };
}
