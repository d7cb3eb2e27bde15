/**
 * Runs the tests that depend on Docker with every engine of lab/engines.ts: first as the hosts' engine, with each image store
 * that works there, then as the deploying machine's.
 *
 * Usage: npm run test:engines [-- <run>…], such as `oldest/classic` or `deployer:newest/containerd`; default all.
 */
import { spawn } from "node:child_process";
import path from "node:path";
import { engineText, everyEngine, type LabEngine, parseEngine } from "../../lab/engines";
import { labImage } from "../../lab/image";
import { Deployer } from "./deployer";

const checkout = path.join(__dirname, "..", "..");

/** Tests that depend on a host's engine: the host's program, `pulumi up`, and kills at given moments. */
const hostFiles = [
  "tests/integration/host-*.test.ts",
  "tests/integration/deploy.test.ts",
  "tests/integration/volumes.test.ts",
  "tests/faults/kill.test.ts",
];

/** Tests that depend on the deploying machine's engine, compose and buildx: builds, pushes, reading the compose file. */
const deployerFiles = [
  "tests/integration/bases.test.ts",
  "tests/integration/build.test.ts",
  "tests/integration/compose-differential.test.ts",
  "tests/integration/content-onbuild.test.ts",
  "tests/integration/deploy.test.ts",
  "tests/integration/engine.test.ts",
  "tests/integration/release.test.ts",
  "tests/integration/volumes.test.ts",
];

/**
 * These run last and one at a time: they send the builder invalid patterns of .dockerignore, which crash an older engine
 * (https://github.com/moby/moby/issues/52203). everfresh refuses such patterns before it builds.
 */
const crashingFiles = [
  "tests/integration/content-differential.test.ts",
  "tests/integration/content-ignore.test.ts",
];

interface Run {
  name: string;
  /** Runs its tests and returns how many passed and failed. */
  tests(): Promise<Outcome>;
}

interface Outcome {
  passed: number;
  failed: number;
}

const options = ["--parallel", "--jobs", "2"];

const runs: Run[] = [
  ...everyEngine.map((kind) => ({ name: engineText(kind), tests: () => onHosts(kind) })),
  ...everyEngine
    // The machine that runs this already covers an old engine, because set-up installs Debian's.
    .filter(({ engine }) => engine !== "oldest" && engine !== "stable")
    .map((kind) => ({ name: `deployer:${engineText(kind)}`, tests: () => onDeployer(kind) })),
];

async function onHosts(kind: LabEngine): Promise<Outcome> {
  await labImage(kind.engine); // may take minutes, longer than a test's timeout
  const argv = ["node_modules/.bin/mocha", ...options, ...hostFiles];
  return mocha(process.execPath, argv, { EVERFRESH_ENGINE: engineText(kind) });
}

async function onDeployer(kind: LabEngine): Promise<Outcome> {
  await using machine = await Deployer.create(kind);
  const on = (...words: string[]) =>
    mocha("docker", machine.command(`. ./scripts/env && node_modules/.bin/mocha ${words.join(" ")}`));
  const outcomes = [await on(...options, ...deployerFiles), await on(...crashingFiles)];
  return { passed: sum(outcomes, "passed"), failed: sum(outcomes, "failed") };
}

/** Runs mocha, shows its output, and reads its last line. A run without that line has failed. */
function mocha(command: string, argv: string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, argv, {
      cwd: checkout,
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.on("data", (data) => {
      said += data;
      process.stdout.write(data);
    });
    child.once("error", reject);
    child.once("close", (status) => {
      const [, passed = 0, failed = 0] = /^(\d+) passed, (\d+) failed/m.exec(said) ?? [];
      const outcome = { passed: Number(passed), failed: Number(failed) };
      const isCounted = outcome.passed > 0 && (status === 0) === (outcome.failed === 0);
      resolve(isCounted ? outcome : { ...outcome, failed: Math.max(outcome.failed, 1) });
    });
  });
}

async function main(asked: string[]): Promise<void> {
  const chosen = asked.map((name) => {
    const deployer = name.startsWith("deployer:") ? "deployer:" : "";
    const full = deployer + engineText(parseEngine(name.slice(deployer.length), "test:engines"));
    const run = runs.find((run) => run.name === full);
    if (!run)
      throw new RangeError(
        `test:engines: there is no run ${full}; use one of ${runs.map((run) => run.name).join(", ")}`,
      );
    return run;
  });
  const outcomes: (Outcome & { name: string; minutes: number })[] = [];
  for (const { name, tests } of chosen.length > 0 ? chosen : runs) {
    console.log(`\n== ${name}`);
    const start = performance.now();
    const outcome = await tests().catch((error: Error) => {
      console.error(error.message);
      return { passed: 0, failed: 1 };
    });
    outcomes.push({ name, ...outcome, minutes: (performance.now() - start) / 60_000 });
  }
  console.log("");
  for (const { name, passed, failed, minutes } of outcomes)
    console.log(`${name.padEnd(30)} ${passed} passed, ${failed} failed, ${minutes.toFixed(1)} min`);
  console.log(`${sum(outcomes, "passed")} passed, ${sum(outcomes, "failed")} failed`);
  process.exitCode = sum(outcomes, "failed") > 0 ? 1 : 0;
}

function sum(outcomes: Outcome[], key: keyof Outcome): number {
  return outcomes.reduce((total, outcome) => total + outcome[key], 0);
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
