import { readdir, stat } from "node:fs/promises";
import type { SourceFacts } from "../core/compose/mounts";
import { gitFacts } from "./git";

/** Finds out what the sources of bind mounts are and what git knows about them. Paths are absolute. */
export async function inspectSources(sources: readonly string[]): Promise<Map<string, SourceFacts>> {
  const facts = sources.map(async (source) => {
    const [kind, git] = await Promise.all([kindOf(source), gitFacts(source)]);
    return [source, { ...kind, ...git }] as const;
  });
  return new Map(await Promise.all(facts));
}

async function kindOf(source: string): Promise<Pick<SourceFacts, "kind" | "empty">> {
  const stats = await stat(source).catch(() => undefined);
  if (stats === undefined) return {};
  if (stats.isFile()) return { kind: "file" };
  if (!stats.isDirectory()) return { kind: "other" };
  const children = await readdir(source).catch(() => []);
  return { kind: "folder", empty: children.length === 0 };
}
