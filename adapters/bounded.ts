import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface Bounds {
  /** Seconds until it is killed. */
  seconds: number;
  /** Memory limit of all its processes together, in MiB; enforced only where there is a /proc, as on Linux. */
  memory: number;
  /** Output limit, stdout and stderr together, in MiB. */
  output: number;
}

/** How a bounded command ended, and what it printed. */
export interface BoundedResult {
  /** `missing`: there is no such command. The last three: it exceeded a limit. */
  end: "exited" | "missing" | "late" | "greedy" | "talkative";
  status?: number;
  stdout: string;
  stderr: string;
}

/**
 * A shell that becomes the command. The whole process group is killed when our end of stdin is closed: by us, or by the
 * kernel when this process dies, for whatever reason.
 */
const guard = 'exec 3<&0 </dev/null; (read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 & exec "$@" 3<&-';

/** How often memory is measured, in milliseconds. Most commands end before the first time. */
const MEASURE_MS = 500;
/** Size of a memory page on nearly every Linux machine (proc(5), `rss`), in bytes; larger on some. */
const PAGE = 4096;

/** Runs a command that may hang, grow or print without end, and limits it and everything that it starts. */
export function runBounded(
  [command, ...args]: readonly [string, ...string[]],
  { seconds, memory, output }: Bounds,
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<BoundedResult> {
  // It has its own process group, which a terminal's Ctrl-C does not reach, but which ends when we do.
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
  const measuring = setInterval(() => {
    if (memoryOf(child.pid!) > memory * 1024 * 1024) stop("greedy");
  }, MEASURE_MS);
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
      clearInterval(measuring);
      reject(error);
    });
    // Only the command itself has ended. Closing stdin ends the rest of its group.
    child.once("exit", () => child.stdin.destroy());
    child.once("close", (status) => {
      clearTimeout(late);
      clearInterval(measuring);
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

/** Memory of all processes in a group, in bytes; 0 where there is no /proc. */
function memoryOf(group: number): number {
  let pages = 0;
  for (const pid of list("/proc")) {
    // pid (name) state ppid pgrp …; the 24th field is the resident pages. The name may contain anything (proc(5)).
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
