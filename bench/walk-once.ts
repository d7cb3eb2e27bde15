/** The plainest walk that looks at every file, for hash.ts: prints `{ms}`. Folders that git ignores are left out by name. */
import { lstatSync, readdirSync } from "node:fs";

function walk(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === ".git" || entry.name === "node_modules") continue;
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) walk(path);
    else lstatSync(path);
  }
}

process.chdir(process.argv[2]!);
const start = performance.now();
walk(".");
console.log(JSON.stringify({ ms: performance.now() - start }));
