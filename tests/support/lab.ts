import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { down, type Lab, list, up } from "../../lab/lab";

const run = promisify(execFile);
/** Each of mocha's workers has a lab of its own. */
const name = `tests-${process.env.MOCHA_WORKER_ID ?? 0}`;
let shared: Promise<Lab> | undefined;

/** The lab that the tests of a worker share: one registry, two hosts. It comes up with the first test that asks for it. */
export function lab(): Promise<Lab> {
  shared ??= start();
  return shared;
}

async function start(): Promise<Lab> {
  await run("docker", ["version"]).catch((error: { stderr?: string }) => {
    throw new Error(`docker: ${error.stderr?.trim() ?? "not installed"}; run \`npm run setup\``);
  });
  const [started] = await Promise.all([up({ name, hosts: 2 }), buildBase()]);
  return started;
}

/** Builds the image that those of the test applications start from. */
export async function buildBase(): Promise<void> {
  await run("docker", ["build", "-q", "-t", "everfresh-test-base", path.join(__dirname, "base")]);
}

/** Removes the shared labs, in mocha's main process. `EVERFRESH_KEEP_LAB=1` keeps them. */
export async function mochaGlobalTeardown(): Promise<void> {
  if (process.env.EVERFRESH_KEEP_LAB) return;
  for (const name of await list()) if (/^tests-\d+$/.test(name)) await down(name);
}
