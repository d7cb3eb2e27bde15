import { spawnSync } from "node:child_process";
import type { HostProgram } from "../../../core/host/program-text";
import { deploymentProgram, type WrittenRequest } from "../../support/written-release";

/** The deployment of a release, by somebody, from somewhere. */
export const deploymentOf = (release: WrittenRequest["release"]): HostProgram =>
  deploymentProgram({
    release,
    ...{ token: "t", lineage: "l", host: "h", who: "w", from: "f", stack: "s" },
    ...{ keepReleases: 1, lockWait: 1, healthTimeout: 1, settle: 0 },
  });

/** The shells that a host's `sh` may be. */
export const SHELLS = ["dash", "busybox sh", "bash"];

export interface ShellRun {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program of the host on this machine, with `shell` as its `sh` and nothing else of this machine's environment. */
export function runUnder(
  shell: string,
  { command, stdin }: HostProgram,
  env: NodeJS.ProcessEnv = {},
): ShellRun {
  if (spawnSync("sh", ["-c", `${shell} -c true`]).status !== 0) {
    throw new Error(`${shell}: not found; install it (apt-get install dash busybox bash)`);
  }
  const { status, stdout, stderr, error } = spawnSync("sh", ["-c", command.replace(/^sh /, `${shell} `)], {
    input: stdin,
    encoding: "utf8",
    // No home: bash reads ~/.bashrc when it is started with a socket for stdin, as over SSH.
    env: { PATH: process.env.PATH, HOME: "/nonexistent", ...env },
    maxBuffer: 1 << 28,
  });
  if (error && (error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  return { status, stdout, stderr };
}

/** Functions in the place of the checks: they print their names and arguments, each with a NUL character after it. */
export const printingChecks = `command_in() { printf 'command\\0'; printf '%s\\0' "$@"; }
file_in() { printf 'file\\0'; printf '%s\\0' "$@"; }
http() { printf 'http\\0'; printf '%s\\0' "$@"; }`;

/** The same program, but instead of `main` it runs `script`: for tests of its parts. */
export function insteadOfMain({ command, stdin }: HostProgram, script: string): HostProgram {
  const prelude = `LC_ALL=C; export LC_ALL; exec 3>&2; nl='\n' tab='\t'\n`;
  return { command, stdin: stdin.replace(/main "\$@"\n\}\n$/, () => `${prelude}${script}\n}\n`) };
}
