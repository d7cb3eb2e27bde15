/**
 * Measures how fast a content hash is, compared with tools that touch the same files. Usage: `npm run bench:hash`, with the
 * names of some parts (`cold`, `warm`, `scale`) or none for all. Each measurement is a separate process, the sides take turns,
 * and the best of each counts.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const parts = process.argv.length > 2 ? process.argv.slice(2) : ["cold", "warm", "scale"];
const folder = mkdtempSync(join(tmpdir(), "bench-hash-"));

try {
  if (parts.includes("cold")) cold();
  if (parts.includes("warm")) warm();
  if (parts.includes("scale")) scale();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Both sides read all bytes, on all cores. */
function cold(): void {
  const root = tree(20_000, 65_000);
  const best = race({
    identify: () => identify(root).ms,
    sha256sum: () => {
      const command = `find . -type f -print0 | xargs -0 -n 256 -P ${cpus().length} sha256sum > /dev/null`;
      return timed(() => execFileSync("sh", ["-c", command], { cwd: root }));
    },
  });
  const { memory } = identify(root);
  report("cold, 20,000 files, 1.3 GB", "identify", best, "sha256sum", 0.9);
  console.log(`  memory beyond an idle process: ${memory.toFixed(0)} MB (target: under 150)`);
  rmSync(root, { recursive: true });
}

/** Nothing has changed. An ignored folder has as many files again. */
function warm(): void {
  const root = tree(50_000, 400);
  writeFileSync(join(root, ".dockerignore"), ".git\nnode_modules\n");
  writeFileSync(join(root, ".gitignore"), "node_modules\n");
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=b", "-c", "user.email=b@example.com", ...args], { cwd: root });
  git("init", "-q");
  git("add", ".");
  git("commit", "-qm", "x");
  fill(join(root, "node_modules"), 50_000, 100);
  const cache = join(folder, "cache");
  // The cache does not remember files that are this new.
  execFileSync("sleep", ["3"]);
  identify(root, cache);
  git("status", "--short");
  const best = race({
    identify: () => identify(root, cache).ms,
    "a plain walk": () => once("walk-once.ts", root).ms,
    "git status": () => timed(() => git("status", "--short")),
  });
  report("warm, 50,000 files", "identify", best, "git status", 1);
  report("  the plainest walk with lstat in Node", "a plain walk", best, "git status");
  rmSync(root, { recursive: true });
}

/** The cost per file, in small and in large contexts. */
function scale(): void {
  const cache = join(folder, "cache-scale");
  for (const files of [1_000, 10_000, 50_000, 200_000]) {
    const root = tree(files, 400);
    execFileSync("sleep", ["3"]);
    const first = identify(root, cache);
    const again = Array.from({ length: ROUNDS }, () => identify(root, cache).ms);
    const each = (ms: number) => `${((1000 * ms) / files).toFixed(1)} µs`;
    console.log(
      `${files} files: cold ${each(first.ms)} a file, warm ${each(Math.min(...again))}, memory ${first.memory.toFixed(0)} MB`,
    );
    rmSync(root, { recursive: true });
  }
}

function race(sides: Record<string, () => number>): Record<string, number> {
  const best: Record<string, number> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, side] of Object.entries(sides))
      best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, side());
  }
  return best;
}

function report(
  what: string,
  ours: string,
  best: Record<string, number>,
  theirs: string,
  target?: number,
): void {
  const ratio = best[ours]! / best[theirs]!;
  const times = `${ours} ${best[ours]!.toFixed(0)} ms, ${theirs} ${best[theirs]!.toFixed(0)} ms`;
  const wanted = target === undefined ? "" : ` (target: at most ${target.toFixed(1)})`;
  console.log(`${what}: ${times}, ratio ${ratio.toFixed(2)}${wanted}`);
}

/**
 * The time and memory of one `identify` in a fresh process, without the start of the process.
 */
function identify(root: string, cache = "") {
  return once("hash-once.ts", root, cache);
}

function once(script: string, ...args: string[]): { ms: number; memory: number } {
  const command = ["--import", "tsx", join(__dirname, script), ...args];
  return JSON.parse(execFileSync(process.execPath, command, { encoding: "utf8" }));
}

function timed(act: () => void): number {
  const start = performance.now();
  act();
  return performance.now() - start;
}

function tree(files: number, bytes: number): string {
  const root = join(folder, "tree");
  fill(root, files, bytes);
  return root;
}

/** Writes 50 files per folder and 20 folders per folder, with sizes from 0 to twice `bytes`. */
function fill(root: string, files: number, bytes: number): void {
  const noise = randomBytes(2 * bytes);
  for (let i = 0; i < files; i++) {
    const inner = join(root, `d${Math.floor(i / 1000)}`, `e${Math.floor(i / 50) % 20}`);
    if (i % 50 === 0) mkdirSync(inner, { recursive: true });
    const size = Math.floor((2 * bytes * ((i * 7919) % 1000)) / 1000);
    const start = i % Math.max(1, noise.length - size);
    writeFileSync(join(inner, `f${i}`), noise.subarray(start, start + size));
  }
}
