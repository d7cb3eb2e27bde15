import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { defaultEngine, type LabEngine, parseEngine } from "../../lab/engines";
import { down, type Lab, list, up } from "../../lab/lab";

const run = promisify(execFile);
/** Each of mocha's workers has its own labs. */
const prefix = `tests-${process.env.MOCHA_WORKER_ID ?? 0}`;
const shared = new Map<string, Promise<Lab>>();

/** The engine of the hosts in some test files, so that `npm test` covers an old engine and a new one. */
export const newest: LabEngine = { engine: "newest", store: "containerd" };

/**
 * The hosts' engine for a test that was written for `given`. If `EVERFRESH_ENGINE` (such as `newest/containerd`) is set, it
 * takes precedence, so that a suite can run on every engine.
 */
export function engineFor(given: LabEngine): LabEngine {
  const asked = process.env.EVERFRESH_ENGINE;
  return asked ? parseEngine(asked, "EVERFRESH_ENGINE") : given;
}

/**
 * The lab that the tests of a worker share: one registry and two hosts with that engine, unless `EVERFRESH_ENGINE` names
 * another. It is started by the first test that asks for it.
 */
export function lab(given: LabEngine = defaultEngine): Promise<Lab> {
  const kind = engineFor(given);
  const name = `${prefix}-${kind.engine}-${kind.store}`;
  const started = shared.get(name) ?? start(name, kind);
  shared.set(name, started);
  return started;
}

async function start(name: string, kind: LabEngine): Promise<Lab> {
  await run("docker", ["version"]).catch((error: { stderr?: string }) => {
    throw new Error(`docker: ${error.stderr?.trim() ?? "not installed"}; run \`npm run setup\``);
  });
  const [started] = await Promise.all([up({ name, hosts: 2, ...kind }), buildBase()]);
  return started;
}

/** Builds the base image of the test applications. */
export async function buildBase(): Promise<void> {
  await run("docker", ["build", "-q", "-t", "everfresh-test-base", path.join(__dirname, "base")]);
}

/** Removes the shared labs, in mocha's main process. `EVERFRESH_KEEP_LAB=1` keeps them. */
export async function mochaGlobalTeardown(): Promise<void> {
  if (process.env.EVERFRESH_KEEP_LAB) return;
  for (const name of await list()) if (/^tests-\d+-/.test(name)) await down(name);
}
