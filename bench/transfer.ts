/**
 * Compares how an image of 750 MB reaches a host with `transport: ssh` and with `docker save | ssh docker load`: bytes on the wire,
 * counted by a relay in front of the host's sshd, and seconds. First the whole image, to a host that has nothing of it; then one
 * with a changed line, in a layer of 8 MB. The seconds are those of the transfer alone: for everfresh, the push to the registry on
 * this machine and the host's pull.
 *
 *   npm run bench:transfer -- [--runs 3] [--rate 100]
 *
 * `--rate`: megabits per second to the host; `Infinity` for as many as there are.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { docker } from "../lab/docker";
import { engine, exec } from "../lab/faults";
import { down, type Lab, up } from "../lab/lab";
import { freePorts } from "../lab/ports";
import { type Relay, startRelay } from "../lab/relay";
import { folderOf } from "../lab/state";
import { TestStack } from "../tests/support/stack";
import { median } from "./median";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "3" }, rate: { type: "string", default: "100" } },
});
const bytesPerSecond = Number(values.rate) * 125_000;

/** What went over the wire, and how long it took. */
interface Transfer {
  bytes: number;
  seconds: number;
}

/** The transfers of a whole image and of a changed line. */
interface Pair {
  whole: Transfer;
  changed: Transfer;
}

async function everfresh(lab: Lab, relay: Relay): Promise<Pair & { layer: number }> {
  const [port] = await freePorts(1);
  const hosts = [{ ...lab.hosts[0]!, port: relay.port }];
  await using stack = await TestStack.create(lab, { hosts, localRegistry: `127.0.0.1:${port}` });
  const compose = "services: { web: { build: web, command: sleep infinity, stop_signal: SIGKILL } }\n";
  await stack.write("compose.yaml", compose);
  await stack.write("web/Dockerfile", `FROM ${lab.image}\nENTRYPOINT []\nCOPY app /app\n`);
  await mkdir(path.join(stack.app, "web/app"));
  await writeFile(path.join(stack.app, "web/app/bundle.js"), randomBytes(8_000_000));
  const deploy = async (line: string): Promise<Transfer> => {
    await stack.write("web/app/page.html", line);
    const before = relay.sent();
    const { output } = await stack.mustUp();
    const push = Number(/web-push created.*?\(([\d.]+)s\)/.exec(output)?.[1]);
    const ledger = await exec(lab.hosts[0]!, [
      "sh",
      "-c",
      "tail -n 1 /home/deploy/.everfresh/*/ledger.jsonl",
    ]);
    const { seconds } = JSON.parse(ledger) as { seconds: { pull: number } };
    return { bytes: relay.sent() - before, seconds: push + seconds.pull };
  };
  const pair = { whole: await deploy("first\n"), changed: await deploy("second\n") };
  const { images } = await stack.outputs<{ images: { web: { ref: string } } }>();
  const manifest = JSON.parse(await docker(["manifest", "inspect", "--insecure", images.web.ref])) as {
    layers: { size: number }[];
  };
  await clear(lab);
  return { ...pair, layer: manifest.layers.at(-1)!.size };
}

/** The pipe of many scripts. Both images are built beforehand. */
async function saveAndLoad(lab: Lab, relay: Relay): Promise<Pair> {
  const build = (line: string) =>
    docker(
      ["build", "-q", "-t", `bench-transfer:${line}`, "-"],
      `FROM ${lab.image}\nRUN head -c 8000000 /dev/urandom >/bundle && echo ${line} >/page\n`,
    );
  const send = async (line: string): Promise<Transfer> => {
    await build(line);
    const before = relay.sent();
    const start = performance.now();
    const ssh = `ssh -F ${folderOf(lab.name)}/ssh_config -p ${relay.port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null`;
    await shell(`docker save bench-transfer:${line} | ${ssh} -o LogLevel=ERROR host1 docker load`);
    return { bytes: relay.sent() - before, seconds: (performance.now() - start) / 1000 };
  };
  const pair = { whole: await send("first"), changed: await send("second") };
  await docker(["rmi", "bench-transfer:first", "bench-transfer:second"]);
  await clear(lab);
  return pair;
}

/** Removes everything from the host, so that the next transfer begins with nothing. */
async function clear(lab: Lab): Promise<void> {
  const [host] = lab.hosts;
  const containers = await engine(host!, "ps", "-aq");
  if (containers) await engine(host!, "rm", "-f", ...containers.split("\n"));
  await engine(host!, "image", "prune", "-af");
  await exec(host!, ["sh", "-c", "rm -rf /home/deploy/.everfresh"]);
}

function shell(command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("sh", ["-c", command], { stdio: ["ignore", "ignore", "inherit"] });
    child.once("close", (status) => (status === 0 ? resolve() : reject(new Error(`status ${status}`))));
  });
}

function show(name: string, { bytes, seconds }: Transfer): void {
  console.log(`| ${name} | ${(bytes / 1e6).toFixed(2)} MB | ${seconds.toFixed(1)} s |`);
}

async function main(): Promise<void> {
  const lab = await up({ name: "bench-transfer" });
  try {
    await using relay = await startRelay(lab.hosts[0]!, bytesPerSecond);
    const ratios = { whole: [] as number[], saved: [] as number[], layer: [] as number[] };
    console.log(`${values.rate} megabits per second to the host`);
    console.log("| | on the wire | time |\n|---|---|---|");
    for (let run = 0; run < Number(values.runs); run++) {
      const pipe = await saveAndLoad(lab, relay);
      const ours = await everfresh(lab, relay);
      show("whole image, `docker save \\| ssh docker load`", pipe.whole);
      show("whole image, everfresh", ours.whole);
      show("changed line, `docker save \\| ssh docker load`", pipe.changed);
      show(`changed line (layer: ${(ours.layer / 1e6).toFixed(2)} MB), everfresh`, ours.changed);
      ratios.whole.push(ours.whole.seconds / pipe.whole.seconds);
      ratios.saved.push(pipe.changed.bytes / ours.changed.bytes);
      ratios.layer.push(ours.changed.bytes / ours.layer);
    }
    console.log(
      `first transfer: ${median(ratios.whole).toFixed(2)} times the pipe's time (target: at most 1.1)`,
    );
    console.log(`changed line: ${median(ratios.layer).toFixed(2)} times the layer (target: at most 1.1),`);
    console.log(`  ${median(ratios.saved).toFixed(0)} times less than the pipe (target: at least 50)`);
  } finally {
    await down(lab.name);
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
