/**
 * Measures how long `pulumi up` takes, each time compared with something else in the same run:
 *
 * (a) nothing changed, against the no-op `up` of an empty Pulumi program;
 * (b) one changed line until it is proved live, against the shortest script that builds, pushes and runs compose over
 *     SSH and checks that the page is there.
 *
 * Measures whole processes, in seconds of wall clock. The two sides take turns. Usage: npm run bench [-- <runs>]
 */
import { execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { down, type Lab, up } from "../lab/lab";
import { withTools } from "../lab/pulumi/environment";
import { checkout, TestStack } from "../tests/support/stack";
import { median } from "./median";

const run = promisify(execFile);
const runs = Number(process.argv[2] ?? 5);

async function main(): Promise<void> {
  const lab = await up({ name: "bench" });
  const folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-bench-"));
  try {
    await run("docker", [
      "build",
      "-q",
      "-t",
      "everfresh-test-base",
      path.join(checkout, "tests/support/base"),
    ]);
    const stack = await TestStack.create(lab);
    await stack.mustUp();
    const empty = await emptyProgram(folder);
    const script = await handWrittenScript(folder, lab, stack);

    const noop = await takeTurns({ everfresh: async () => void (await stack.mustUp()), empty });
    let line = 0;
    const change = await takeTurns({
      everfresh: async () => {
        await stack.write("web/index.html", `<h1>everfresh ${++line}</h1>\n`);
        await stack.mustUp();
        if ((await stack.page()) !== `<h1>everfresh ${line}</h1>`) throw new Error("the page is not live");
      },
      script: () => script(++line),
      empty,
    });

    report("(a) nothing changed: up / up of an empty program", noop, noop.everfresh! / noop.empty!, 1.25);
    const target = change.empty! + 1.5 * change.script!;
    report(
      "(b) one changed line: up / (up of an empty program + 1.5 x script)",
      change,
      change.everfresh! / target,
      1,
    );
    await stack[Symbol.asyncDispose]();
  } finally {
    await rm(folder, { recursive: true, force: true });
    await down("bench");
  }
}

/** Runs the sides in turn, `runs` times after one run to warm up, and returns the medians. */
async function takeTurns<K extends string>(
  sides: Record<K, () => Promise<void>>,
): Promise<Record<K, number>> {
  const seconds = Object.fromEntries(Object.keys(sides).map((side) => [side, [] as number[]])) as Record<
    K,
    number[]
  >;
  for (let turn = 0; turn <= runs; turn++) {
    for (const side of Object.keys(sides) as K[]) {
      const taken = await timed(sides[side]);
      if (turn > 0) seconds[side].push(taken);
    }
  }
  return Object.fromEntries(
    Object.entries<number[]>(seconds).map(([side, all]) => [side, median(all)]),
  ) as Record<K, number>;
}

async function timed(what: () => Promise<void>): Promise<number> {
  const start = process.hrtime.bigint();
  await what();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

function report(title: string, medians: Record<string, number>, ratio: number, target: number): void {
  const figures = Object.entries(medians).map(([side, seconds]) => `${side} ${seconds.toFixed(2)} s`);
  console.log(
    `${title}\n  medians of ${runs}: ${figures.join(", ")}\n  ratio ${ratio.toFixed(2)} (target: at most ${target})`,
  );
}

/** The no-op `up` of a program without resources, run the same way. */
async function emptyProgram(folder: string): Promise<() => Promise<void>> {
  const project = path.join(folder, "empty");
  await mkdir(path.join(folder, "empty-state"), { recursive: true });
  await mkdir(project);
  await cp(path.join(checkout, "package.json"), path.join(project, "package.json"));
  await symlink(path.join(checkout, "node_modules"), path.join(project, "node_modules"));
  await writeFile(path.join(project, "index.ts"), "export = async () => ({});\n");
  await writeFile(
    path.join(project, "Pulumi.yaml"),
    'name: empty\nruntime: { name: nodejs, options: { typescript: false, nodeargs: "--require tsx/cjs" } }\nmain: index.ts\n',
  );
  const env = {
    ...withTools(),
    PULUMI_BACKEND_URL: `file://${path.join(folder, "empty-state")}`,
    PULUMI_CONFIG_PASSPHRASE: "bench",
    PULUMI_SKIP_UPDATE_CHECK: "true",
  };
  await run("pulumi", ["stack", "init", "empty"], { cwd: project, env });
  return async () => {
    await run("pulumi", ["up", "--yes", "--skip-preview", "--non-interactive", "--stack", "empty"], {
      cwd: project,
      env,
    });
  };
}

/** What a team has today: builds, pushes, runs compose over SSH and checks the page, without digests. */
async function handWrittenScript(
  folder: string,
  lab: Lab,
  stack: TestStack,
): Promise<(line: number) => Promise<void>> {
  const app = path.join(folder, "script");
  await cp(path.join(checkout, "tests/integration/testdata/pages/web"), app, { recursive: true });
  const { registry, hosts } = lab;
  const [host] = hosts;
  const key = path.join(folder, "key");
  await writeFile(key, host!.privateKey, { mode: 0o600 });
  const auth = Buffer.from(`${registry.username}:${registry.password}`).toString("base64");
  await mkdir(path.join(folder, "login"));
  await writeFile(
    path.join(folder, "login", "config.json"),
    JSON.stringify({ auths: { [registry.address]: { auth } } }),
  );
  const hostLogin = JSON.stringify({ auths: { [registry.pullAddress]: { auth } } });
  const image = `${registry.pullAddress}/script-web:latest`;
  const compose = `name: script\nservices: { web: { image: "${image}", ports: ["8084:8080"], stop_signal: SIGKILL } }`;
  const ssh = `ssh -q -i ${key} -p ${host!.port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null ${host!.user}@${host!.address}`;
  await bash(
    `${ssh} 'mkdir -p .docker && cat > .docker/config.json' <<'END'\n${hostLogin}\nEND\n${ssh} 'cat > script.yaml' <<'END'\n${compose}\nEND`,
  );
  const url = stack.host.url(8084);
  return async (line) => {
    const page = `<h1>script ${line}</h1>`;
    await writeFile(path.join(app, "index.html"), `${page}\n`);
    await bash(
      [
        `docker build -q -t ${registry.address}/script-web:latest ${app} >/dev/null`,
        `docker --config ${folder}/login push -q ${registry.address}/script-web:latest >/dev/null`,
        `${ssh} 'docker compose -f script.yaml pull -q && docker compose -f script.yaml up -d'`,
        `until curl -sf ${url} | grep -qF '${page}'; do sleep 0.02; done`,
      ].join("\n"),
    );
  };
}

function bash(script: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["-euc", script], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (data) => {
      said += data;
    });
    child.once("close", (status) =>
      status === 0 ? resolve() : reject(new Error(`status ${status}: ${said}`)),
    );
  });
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
