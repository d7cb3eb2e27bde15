import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Problems, problem } from "../../core/problems";
import { configFileVariable } from "../../core/stack-file";
import { withTools } from "../../lab/pulumi/environment";
import { project } from "../project";
import type { PulumiRun } from "./outcome";

/** Finds the Pulumi that `scripts/setup` installed, the one on PATH, or the one where its own installer puts it. */
function environment(): NodeJS.ProcessEnv {
  const tools = withTools();
  const home = process.env.PULUMI_HOME ?? (process.env.HOME && path.join(process.env.HOME, ".pulumi"));
  return {
    ...tools,
    ...(home ? { PATH: `${tools.PATH}${path.delimiter}${path.join(home, "bin")}` } : {}),
    PULUMI_SKIP_UPDATE_CHECK: process.env.PULUMI_SKIP_UPDATE_CHECK ?? "true",
  };
}

/**
 * Runs pulumi and returns its stdout.
 *
 * @param input - written to its stdin; without it, pulumi has no stdin.
 * @throws Problems in pulumi's own words when it fails.
 */
export async function ask(args: readonly string[], { input }: { input?: string } = {}): Promise<string> {
  const child = start(args, { stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
  child.stdin?.end(input);
  const [stdout, stderr, status] = await Promise.all([collect(child, 1), collect(child, 2), ended(child)]);
  if (status === 0) return stdout;
  throw new Problems([pulumiProblem(args, stderr.trim() || stdout.trim())]);
}

/** Runs pulumi on the user's terminal, where it may ask questions. Its stdout can go to stderr, to keep ours for a program. */
export async function show(args: readonly string[], stdout: "stdout" | "stderr" = "stdout"): Promise<void> {
  const child = start(args, { stdio: ["inherit", stdout === "stdout" ? "inherit" : 2, "inherit"] });
  if ((await whileWeWait(child)) !== 0) {
    throw new Problems([problem(`pulumi ${args[0]}`, "failed", "see its message above")]);
  }
}

/**
 * Runs `pulumi up` or `preview` on the user's terminal and returns how it ended. Ctrl-C goes to pulumi, which finishes the
 * work under way, and this waits for it.
 *
 * @param args - given the path of the event log.
 */
export async function follow(
  args: (eventLog: string) => readonly string[],
  stdout: "stdout" | "stderr" = "stdout",
): Promise<PulumiRun> {
  const log = await openUnnamed();
  try {
    const child = start(args("/dev/fd/3"), {
      // Errors from before pulumi's engine starts (a lock, a wrong passphrase) are on stderr only.
      stdio: ["inherit", stdout === "stdout" ? "inherit" : 2, "pipe", log.fd],
      // `--event-log` is hidden behind this; Pulumi's own Automation API sets it too.
      env: { PULUMI_DEBUG_COMMANDS: "true" },
    });
    child.stderr!.pipe(process.stderr, { end: false });
    const [stderr, status] = await Promise.all([collect(child, 2), whileWeWait(child)]);
    return { status, stderr, events: await readAll(log) };
  } finally {
    await log.close();
  }
}

/**
 * Opens a file and removes its name: the docker provider writes the registry's password into debug messages, and a killed
 * command line must not leave them behind.
 */
async function openUnnamed() {
  const folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-"));
  try {
    return await open(path.join(folder, "events"), "wx+", 0o600);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function readAll(file: Awaited<ReturnType<typeof open>>): Promise<string> {
  const bytes = Buffer.alloc((await file.stat()).size);
  await file.read(bytes, 0, bytes.length, 0);
  return bytes.toString();
}

interface Start {
  stdio: ("inherit" | "pipe" | "ignore" | number)[];
  env?: NodeJS.ProcessEnv;
}

/** Tells the program which file has the configuration, because Pulumi does not. */
function configFileFor(args: readonly string[]): NodeJS.ProcessEnv {
  const flag = args.indexOf("--config-file");
  return flag < 0 ? {} : { [configFileVariable]: args[flag + 1] };
}

function start(args: readonly string[], { stdio, env }: Start): ChildProcess {
  return spawn("pulumi", args, {
    cwd: project,
    env: { ...environment(), ...configFileFor(args), ...env },
    stdio,
    // Without a terminal, a signal to our whole process group would reach pulumi twice, once passed on by us. Pulumi
    // takes the second one as an order to stop at once.
    detached: stdio[0] === "inherit" && !process.stdin.isTTY,
  });
}

/** Waits for pulumi to end, and passes signals that ask it to stop on to it. */
async function whileWeWait(child: ChildProcess): Promise<number | undefined> {
  const stop = () => void child.kill("SIGINT");
  const signals = {
    // A terminal sends it to pulumi itself.
    SIGINT: process.stdin.isTTY ? () => {} : stop,
    SIGTERM: stop,
    SIGHUP: stop,
  };
  for (const [signal, handler] of Object.entries(signals)) process.on(signal, handler);
  try {
    return await ended(child);
  } finally {
    for (const [signal, handler] of Object.entries(signals)) process.off(signal, handler);
  }
}

function ended(child: ChildProcess): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "ENOENT"
          ? new Problems([problem("pulumi", "is not installed here", "run `npm run setup`")])
          : error,
      ),
    );
    child.once("close", (status) => resolve(status ?? undefined));
  });
}

function collect(child: ChildProcess, fd: 1 | 2): Promise<string> {
  const chunks: Buffer[] = [];
  child.stdio[fd]?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    child.once("close", () => resolve(Buffer.concat(chunks).toString()));
    child.once("error", () => resolve(""));
  });
}

/** Pulumi quotes from a file that it cannot read, and the quote may contain a secret. */
const withoutText = (message: string) =>
  message.replace(/\byaml: .*/s, (reason) => ["yaml", ...(/\bline \d+/.exec(reason) ?? [])].join(": "));

/** One of Pulumi's messages, completed with what to do. */
export function pulumiProblem(args: readonly string[], stderr: string): string {
  const message = withoutText(stderr.replace(/^error: /, "").replaceAll("\n", " "));
  const where = `pulumi ${
    args[0] === "config" || args[0] === "stack"
      ? args
          .slice(0, 2)
          .filter((word) => !word.startsWith("-"))
          .join(" ")
      : args[0]
  }`;
  const todo = /no stack selected|no stack named/i.test(message)
    ? "name one with --stack, select one with `pulumi stack select`, or make one with `everfresh init`"
    : /passphrase/i.test(message)
      ? "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"
      : /login|logged in|credentials/i.test(message)
        ? "log in with `pulumi login`"
        : "run the same command with plain pulumi to see more";
  return problem(where, message || "failed", todo);
}
