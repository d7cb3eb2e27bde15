import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface Bounds {
  /** Seconds until it is killed. */
  seconds: number;
  /** What all of its processes may have in memory, in MiB; looked at where there is a /proc, as on Linux. */
  memory: number;
  /** Of what it prints, stdout and stderr together, in MiB. */
  output: number;
}

/** How a bounded command ended. */
export interface BoundedResult {
  /** `missing`: there is no such command; the rest are bounds that it met. */
  end: "exited" | "missing" | "late" | "greedy" | "talkative";
  status?: number;
  stdout: string;
  stderr: string;
}

/**
 * Becomes the command. All of its group ends as soon as our end of stdin is closed: by us, or by the kernel when this
 * process dies, however it dies.
 */
const guard = 'exec 3<&0 </dev/null; (read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 & exec "$@" 3<&-';

/** How often the memory is looked at, in milliseconds: nearly every command ends before the first time. */
const GLANCE_MS = 500;
/** What Linux counts memory in, in bytes, on nearly every machine (proc(5), `rss`); on some it is more. */
const PAGE = 4096;

/** Runs a command that may hang, grow or never stop talking, with all that it starts, within bounds. */
export function runBounded(
  [command, ...args]: readonly [string, ...string[]],
  { seconds, memory, output }: Bounds,
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<BoundedResult> {
  // A group of its own, which a terminal's Ctrl-C does not reach: it ends with us.
  const child = spawn("/bin/sh", ["-c", guard, "sh", command, ...args], {
    ...options,
    detached: true,
  });
  const printed = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let size = 0;
  let end: BoundedResult["end"] = "exited";
  const stop = (why: BoundedResult["end"]) => {
    end = why;
    child.stdin.destroy();
  };
  const late = setTimeout(() => stop("late"), seconds * 1000);
  const glance = setInterval(() => {
    if (memoryOf(child.pid!) > memory * 1024 * 1024) stop("greedy");
  }, GLANCE_MS);
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].on("data", (data: Buffer) => {
      size += data.length;
      if (size <= output * 1024 * 1024) printed[stream].push(data);
      else if (end === "exited") stop("talkative");
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", (error) => {
      clearTimeout(late);
      clearInterval(glance);
      reject(error);
    });
    // The command itself: whoever watches over it has its group still.
    child.once("exit", () => child.stdin.destroy());
    child.once("close", (status) => {
      clearTimeout(late);
      clearInterval(glance);
      const [stdout, stderr] = [printed.stdout, printed.stderr].map((parts) =>
        Buffer.concat(parts).toString(),
      );
      resolve({
        end: status === 127 && end === "exited" ? "missing" : end,
        ...(status === null ? {} : { status }),
        stdout: stdout!,
        stderr: stderr!,
      });
    });
  });
}

/** Bytes in memory of all processes of a group; 0 where nobody can tell. */
function memoryOf(group: number): number {
  let pages = 0;
  for (const pid of list("/proc")) {
    // pid (name) state ppid pgrp …, and as the 24th field the pages in memory; the name may hold anything (proc(5)).
    const fields = /^\d+$/.test(pid)
      ? read(`/proc/${pid}/stat`)
          .replace(/^.*\) /s, "")
          .split(" ")
      : [];
    if (Number(fields[2]) === group) pages += Number(fields[21]);
  }
  return pages * PAGE;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // it has ended
  }
}
