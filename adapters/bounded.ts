import { spawn } from "node:child_process";

export interface Bounds {
  /** Seconds until it is killed. */
  seconds: number;
  /** Of address space, in GiB, where the system can limit that. */
  memory: number;
  /** Of what it prints, stdout and stderr together, in MiB. */
  output: number;
}

/** How a bounded command ended. */
export interface BoundedResult {
  /** `missing`: there is no such command; the rest are bounds that it met. */
  end: "exited" | "missing" | "late" | "talkative";
  status?: number;
  stdout: string;
  stderr: string;
}

/**
 * Limits the memory, then becomes the command. All of its group ends as soon as our end of stdin is closed: by us, or by
 * the kernel when this process dies, however it dies.
 */
const guard =
  'ulimit -v "$1" 2>/dev/null; shift; exec 3<&0 </dev/null; ' +
  '(read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 & exec "$@" 3<&-';

/** Runs a command that may hang, grow or never stop talking, with all that it starts, within bounds. */
export function runBounded(
  [command, ...args]: readonly [string, ...string[]],
  { seconds, memory, output }: Bounds,
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<BoundedResult> {
  const kibibytes = String(memory * 1024 * 1024);
  // A group of its own, which a terminal's Ctrl-C does not reach: it ends with us.
  const child = spawn("/bin/sh", ["-c", guard, "sh", kibibytes, command, ...args], {
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
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].on("data", (data: Buffer) => {
      size += data.length;
      if (size <= output * 1024 * 1024) printed[stream].push(data);
      else if (end === "exited") stop("talkative");
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    // The command itself: whoever watches over it has its group still.
    child.once("exit", () => child.stdin.destroy());
    child.once("close", (status) => {
      clearTimeout(late);
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
