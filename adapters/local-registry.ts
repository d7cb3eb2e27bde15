import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { brief, excerpt } from "../core/printable";
import { Problems, problem } from "../core/problems";
import type { LocalRegistry } from "../core/settings";

const run = promisify(execFile);

/**
 * Starts the registry of this machine unless it runs, and keeps it until this process ends. Several processes share one; it
 * ends with the last of them, however that ends. Its storage stays.
 *
 * @throws Problems if it cannot be started.
 */
export function useLocalRegistry(registry: LocalRegistry): Promise<void> {
  const known = inUse.get(registry.port);
  if (known) return known;
  const starting = start(registry);
  inUse.set(registry.port, starting);
  return starting;
}

const inUse = new Map<number, Promise<void>>();

/** For the image, if there is no answer yet: it may have to be pulled. Milliseconds. */
const START_MS = 300_000;

/** One of the ways to run a registry on this machine. */
interface Runner {
  /** The command that holds a lease on it, and prints `held`; it ends with its stdin. It may fail if there is no registry. */
  lease: readonly string[];
  /** Starts it in the background, unless it runs. Fails with an error's words. */
  start(): Promise<void>;
}

async function start(registry: LocalRegistry): Promise<void> {
  const runner = (await programRunner(registry)) ?? containerRunner(registry);
  const end = Date.now() + START_MS;
  for (;;) {
    // One that is about to end grants no lease, and is started again.
    const lease = await hold(runner.lease);
    try {
      await runner.start();
    } catch (error) {
      lease?.kill();
      throw cannotStart(registry, error);
    }
    const kept = lease ?? (await hold(runner.lease));
    if (kept && (await answers(registry.port, kept))) return;
    kept?.kill();
    if (Date.now() > end) throw cannotStart(registry, new Error("it does not answer"));
  }
}

function cannotStart({ port, image }: LocalRegistry, error: unknown): Problems {
  const { stderr } = error as { stderr?: string };
  // docker's last line may only name its help.
  const lines = stderr?.trim().split("\n") ?? [brief(error as Error)];
  const line = lines.findLast((line) => !line.includes("--help"))!;
  const why = excerpt(line.replace(/^docker: (Error response from daemon: )?/, ""), 200);
  if (/already (allocated|in use)/.test(why)) return portTaken(port);
  const what = `the registry of this machine does not start from the image ${image} (${why})`;
  const todo =
    "install the package docker-registry, or set `registry.image` to an image that this machine can pull";
  return new Problems([problem("everfresh:transport", what, todo)]);
}

const portTaken = (port: number) =>
  new Problems([
    problem(
      "everfresh:registry.address",
      `port ${port} of this machine is taken by another program`,
      "set another one: `pulumi config set --path 'everfresh:registry.address' 127.0.0.1:<port>`",
    ),
  ]);

/** Takes a lease and keeps it until this process ends; undefined if there is no registry to lease. */
async function hold([command, ...args]: readonly string[]): Promise<ChildProcess | undefined> {
  const lease = spawn(command!, args, { stdio: ["pipe", "pipe", "ignore"], detached: true });
  const isHeld = await new Promise<boolean>((resolve) => {
    lease.stdout.once("data", () => resolve(true));
    lease.once("error", () => resolve(false));
    lease.once("close", () => resolve(false));
  });
  if (!isHeld) return undefined;
  // Neither keeps this process alive, but its end closes stdin.
  lease.unref();
  for (const stream of [lease.stdin, lease.stdout]) (stream as unknown as { unref(): void }).unref();
  return lease;
}

/**
 * Waits until the registry answers; false if it ends before.
 *
 * @throws Problems if another program answers.
 */
async function answers(port: number, lease: ChildProcess): Promise<boolean> {
  for (let tries = 0; tries < 200 && lease.exitCode === null; tries++) {
    const who = await whoAnswers(port);
    if (who === owner()) return true;
    if (who !== undefined) throw portTaken(port);
    await pause(100);
  }
  return false;
}

/** Whose registry answers: empty for another program; undefined if nothing does. */
async function whoAnswers(port: number): Promise<string | undefined> {
  const response = await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined);
  return response && (response.headers.get(ownHeader) ?? "");
}

/** Tells this user's registry from whatever else may listen on the port. */
const ownHeader = "x-everfresh-registry";
const owner = () => `of ${userInfo().username}`;

/**
 * Runs the registry as long as somebody holds a shared lock on the file `lease`. It holds the lock itself until the registry
 * has ended, so that nobody meets one that is ending.
 */
const supervisor = `
exec 8>alive && flock -n -x 8 || exit 0
printf '%s' "$CONFIG" >config.yml
"$(command -v docker-registry || command -v registry)" serve config.yml 8>&- &
registry=$!
{
  sleep "$GRACE"
  exec flock -x lease sh -c 'kill "$0"; while kill -0 "$0" 2>/dev/null; do sleep 0.1; done' "$registry"
} 8>&- &
waiter=$!
wait "$registry"
kill "$waiter" 2>/dev/null
`;

const leaseCommand = ["flock", "-s", "lease", "sh", "-c", "echo held; exec cat"];

const configuration = (address: string, folder: string) =>
  JSON.stringify({
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: folder }, delete: { enabled: true } },
    http: { addr: address, headers: { [ownHeader]: [owner()] } },
  });

/** Debian's program, if this machine has it and its engine runs here. */
async function programRunner({ port }: LocalRegistry): Promise<Runner | undefined> {
  const isHere = (process.env.DOCKER_HOST ?? "unix://").startsWith("unix://");
  if (!isHere || !(await has("docker-registry")) || !(await has("flock"))) return undefined;
  const data = process.env.XDG_DATA_HOME || path.join(homedir(), ".local", "share");
  const cwd = path.join(data, "everfresh", `registry-${port}`);
  await mkdir(cwd, { recursive: true, mode: 0o700 });
  return {
    lease: ["sh", "-c", `cd "$0" && exec "$@"`, cwd, ...leaseCommand],
    async start() {
      const env = {
        ...process.env,
        CONFIG: configuration(`127.0.0.1:${port}`, path.join(cwd, "storage")),
        GRACE: "0",
      };
      spawn("sh", ["-c", supervisor], { cwd, env, detached: true, stdio: "ignore" }).unref();
    },
  };
}

const has = (program: string) =>
  run("sh", ["-c", 'command -v "$0"', program]).then(
    () => true,
    () => false,
  );

/** The same in a container of this machine's engine. */
function containerRunner({ port, image }: LocalRegistry): Runner {
  const name = `everfresh-registry-${port}`;
  const inside = ["--workdir", "/run"];
  return {
    lease: ["docker", "exec", "--interactive", ...inside, name, ...leaseCommand],
    async start() {
      const running = await run("docker", ["ps", "--quiet", "--filter", `name=^${name}$`]);
      if (running.stdout !== "") return;
      await run("docker", [
        "run",
        ...["--detach", "--rm", "--name", name, ...inside],
        ...["--publish", `127.0.0.1:${port}:5000`, "--volume", `${name}:/var/lib/registry`],
        ...["--env", `CONFIG=${configuration(":5000", "/var/lib/registry")}`, "--env", "GRACE=20"],
        ...["--entrypoint", "sh", image, "-c", supervisor],
      ]).catch((error: { stderr: string }) => {
        // Somebody else has just started it.
        if (!error.stderr.includes("is already in use by container")) throw error;
      });
    },
  };
}
