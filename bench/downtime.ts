/**
 * Counts the requests that fail while a service behind a proxy is rolled out, under constant load. Usage:
 *
 *   npm run bench:downtime -- haproxy start-first --rollouts 10
 *   npm run bench:downtime -- haproxy start-first --without retry-on        # without the lines that contain this
 *   npm run bench:downtime -- haproxy start-first --abrupt --drain 3        # the app is killed; drained for 3 s before that
 *
 * The examples are haproxy, nginx and caddy; the ways plain-compose, docker-rollout and start-first. `--keep` keeps the lab for
 * the next run, and `--lab <name>` names it.
 */
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { down, up } from "../lab/lab";
import { type Hit, startLoad } from "../lab/load";
import { dockerRollout, plainCompose, type Rollout, startFirst } from "../tests/rollout/support/rollouts";
import { bringUp, type Example, examples } from "../tests/rollout/support/site";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rollouts: { type: "string", default: "10" },
    rate: { type: "string", default: "300" },
    without: { type: "string", multiple: true, default: [] },
    replace: { type: "string", multiple: true, default: [] },
    abrupt: { type: "boolean", default: false },
    web: { type: "string", default: "{}" },
    drain: { type: "string" },
    verbose: { type: "boolean", default: false },
    lab: { type: "string", default: "bench-downtime" },
    keep: { type: "boolean", default: false },
  },
});

const drain = { drain: ["touch", "/tmp/draining"], drainFor: Number(values.drain) * 1000 };
const ways: Record<string, Rollout> = {
  "plain-compose": plainCompose,
  "docker-rollout": dockerRollout,
  "start-first": startFirst(values.drain ? drain : {}),
};

async function main(): Promise<void> {
  const [example = "", way = ""] = positionals;
  const rollout = ways[way];
  if (!isExample(example) || !rollout)
    throw new Error(
      `bench: no such example or way; use one of ${examples.join(", ")} with ${Object.keys(ways).join(", ")}`,
    );
  const lab = await up({ name: values.lab });
  try {
    const site = await bringUp(lab.hosts[0]!, example, {
      edit,
      web: { ...(values.abrupt ? { stop_signal: "SIGKILL" } : {}), ...JSON.parse(values.web) },
    });
    await using load = await startLoad(site.url, { rate: Number(values.rate) });
    const began = performance.now();
    const since = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
    await pause(2000);
    const times: number[] = [];
    for (let turn = 1; turn <= Number(values.rollouts); turn++) {
      const start = performance.now();
      if (values.verbose) console.log(`rollout ${turn} at ${since()}`);
      await rollout(site, turn % 2 === 1 ? "2" : "1");
      if (values.verbose) console.log(`done at ${since()}`);
      times.push((performance.now() - start) / 1000);
      await pause(1500);
    }
    const report = await load.stop();
    const { requests, failures, p50, p99, slices } = report;
    const calm = slices.slice(0, 2);
    console.log(
      `${[example, way, ...process.argv.slice(4)].join(" ")}: ${failures.length} of ${requests} requests failed in ${times.length} rollouts of ${(times.reduce((a, b) => a + b, 0) / times.length).toFixed(1)} s; p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(0)} ms (before the first rollout ${Math.max(...calm.map((slice) => slice.p99)).toFixed(0)} ms)`,
    );
    for (const [what, count] of kinds(failures)) console.log(`  ${count} ${what}`);
    if (values.verbose)
      for (const { from, versions, ...slice } of slices)
        console.log(
          `  ${from / 1000} s: ${slice.requests} requests, ${slice.failures} failed, p99 ${slice.p99.toFixed(0)} ms, versions ${JSON.stringify(versions)}`,
        );
    const slowest = report.hits
      .filter(({ stream, error }) => stream !== "slow" && !error)
      .toSorted((a, b) => b.took - a.took)[0];
    if (slowest) console.log(`  slowest short request: ${slowest.took.toFixed(0)} ms`);
  } finally {
    if (!values.keep) await down(values.lab);
  }
}

const isExample = (name: string): name is Example => (examples as readonly string[]).includes(name);

function edit(config: string): string {
  let text = config;
  for (const part of values.without) {
    if (!text.includes(part)) throw new Error(`bench: --without ${part}: no line contains it`);
    text = text
      .split("\n")
      .filter((line) => !line.includes(part))
      .join("\n");
  }
  for (const pair of values.replace) {
    const [from = "", to = ""] = pair.split("=>");
    if (!text.includes(from))
      throw new Error(`bench: --replace ${pair}: the configuration does not contain it`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** How often each kind of failure occurred. */
function kinds(failures: Hit[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { stream, error } of failures) {
    const what = `${stream}: ${error.replace(/127\.0\.0\.1:\d+/g, "…")}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts];
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
