/** Runs `identify` once, for hash.ts. Prints `{ms, memory}`, with the memory in MB beyond what the process used before. */
import { identify, StatCache } from "../core/content";

async function main(context: string, folder: string): Promise<void> {
  process.chdir(context);
  const spec = {
    ...{ context, dockerfileInline: "FROM scratch\nCOPY . /\n", args: {}, platforms: [], labels: {} },
    ...{ additionalContexts: {}, secrets: [], ssh: [] },
  };
  const before = process.memoryUsage().rss;
  const start = performance.now();
  const cache = folder ? StatCache.open(folder) : undefined;
  await identify(spec, cache && { cache });
  const ms = performance.now() - start;
  cache?.save();
  // The peak, in kilobytes.
  const memory = (process.resourceUsage().maxRSS * 1024 - before) / 1e6;
  console.log(JSON.stringify({ ms, memory }));
}

void main(process.argv[2]!, process.argv[3] ?? "");
