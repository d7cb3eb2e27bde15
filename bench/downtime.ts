/**
 * Counts the requests that fail while a service behind a proxy is deployed again and again under constant load: with everfresh, a
 * quarter of whose deployments fail their healthcheck; with plain `docker compose up`; and with docker-rollout's algorithm. `p99 during`
 * is that of the short requests while the host is at work, `p99 outside` while nothing is deployed.
 *
 *   npm run bench:downtime -- [haproxy | nginx | caddy] [--deployments 20] [--rate 300]
 */
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { exec } from "../lab/faults";
import { down, type Lab, type LabHost, up } from "../lab/lab";
import { type Hit, startLoad } from "../lab/load";
import { removeProjects } from "../tests/faults/support/shop";
import { DeployedExample } from "../tests/integration/rollout-support/deployed";
import { dockerRollout, plainCompose, type Rollout } from "../tests/integration/rollout-support/rollouts";
import { bringUp, type Example, examples } from "../tests/integration/rollout-support/site";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    deployments: { type: "string", default: "20" },
    rate: { type: "string", default: "300" },
  },
});
const [example = "haproxy"] = positionals;
const deployments = Number(values.deployments);

/** What is deployed, and how. */
interface Way {
  url: string;
  deploy(version: string, turn: number): Promise<void>;
  /** When the host was at work on the last deployment; default: all the time that it took. */
  atWork?(): Promise<Span>;
  [Symbol.asyncDispose](): Promise<void>;
}

const ways: Record<string, (lab: Lab, example: Example) => Promise<Way>> = {
  everfresh: async (lab, example) => {
    const site = await DeployedExample.create(lab, example);
    return {
      url: site.url,
      deploy: (version, turn) => (turn % 4 === 0 ? site.deployBroken() : site.deploy(version)),
      atWork: () => lastDeployment(lab.hosts[0]!),
      [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
    };
  },
  "docker compose up -d": rolledBy(plainCompose),
  "docker-rollout": rolledBy(dockerRollout),
};

/** From the host's ledger, which is written as soon as everything is proved. What builds the images is another machine elsewhere. */
async function lastDeployment(host: LabHost): Promise<Span> {
  const script = "cd /home/deploy/.everfresh/* && date -r ledger.jsonl +%s%3N && tail -n 1 ledger.jsonl";
  const [written, line] = (await exec(host, ["sh", "-c", script])).split("\n");
  const { seconds } = JSON.parse(line!) as { seconds: Record<string, number> };
  const total = Object.values(seconds).reduce((sum, each) => sum + each);
  // Half a second for what follows: old releases are pruned.
  return { from: Number(written) - total * 1000, to: Number(written) + 500 };
}

function rolledBy(rollout: Rollout) {
  return async (lab: Lab, example: Example): Promise<Way> => {
    const versions = Array.from({ length: deployments + 1 }, (_, i) => `v${i}`);
    const site = await bringUp(lab.hosts[0]!, example, versions);
    return {
      url: site.url,
      deploy: (version) => rollout(site, version),
      [Symbol.asyncDispose]: async () => {},
    };
  };
}

interface Span {
  from: number;
  to: number;
}

async function measure(lab: Lab, name: string): Promise<string[]> {
  await removeProjects(lab.hosts[0]!);
  await using way = await ways[name]!(lab, example as Example);
  await using load = await startLoad(way.url, { rate: Number(values.rate) });
  const whole: Span[] = [];
  const atWork: Span[] = [];
  for (let turn = 1; turn <= deployments; turn++) {
    await pause(3000);
    const from = Date.now();
    await way.deploy(`v${turn}`, turn);
    const span = { from, to: Date.now() };
    whole.push(span);
    atWork.push((await way.atWork?.()) ?? span);
  }
  await pause(3000);
  const { hits, failures } = await load.stop();
  const short = hits.filter(({ stream, error }) => stream !== "slow" && !error);
  const within = (spans: Span[], { at }: Hit) => spans.some(({ from, to }) => at >= from && at <= to);
  const during = p99(short.filter((hit) => within(atWork, hit)));
  const outside = p99(short.filter((hit) => !within(whole, hit)));
  return [
    name,
    `${hits.length}`,
    `${failures.length}`,
    `${during.toFixed(0)} ms`,
    `${outside.toFixed(0)} ms`,
    (during / outside).toFixed(1),
    `${(longestOverlap(hits) / 1000).toFixed(1)} s`,
    `${(atWork.reduce((sum, { from, to }) => sum + to - from, 0) / atWork.length / 1000).toFixed(1)} s`,
  ];
}

const p99 = (hits: Hit[]) =>
  hits.map(({ took }) => took).sort((a, b) => a - b)[Math.floor(hits.length * 0.99)]!;

/** The longest time between the first answer of a version and the last one of the version before, in milliseconds; negative if
 * nobody answered in between. */
function longestOverlap(hits: Hit[]): number {
  const answered = new Map<string, Span>();
  for (const { stream, error, body, at } of hits) {
    if (stream === "slow" || error) continue;
    answered.set(body, { from: answered.get(body)?.from ?? at, to: at });
  }
  const spans = [...answered.values()];
  return Math.max(...spans.slice(1).map(({ from }, i) => spans[i]!.to - from));
}

async function main(): Promise<void> {
  if (!(examples as readonly string[]).includes(example))
    throw new Error(`bench: there is no example ${example}; use one of ${examples.join(", ")}`);
  const lab = await up({ name: "bench-downtime" });
  try {
    console.log(`${example}, ${deployments} deployments, ${values.rate} requests per second`);
    console.log(
      "| | requests | failed | p99 during | p99 outside | ratio | two versions | on the host |\n|---|---|---|---|---|---|---|---|",
    );
    for (const name of Object.keys(ways)) console.log(`| ${(await measure(lab, name)).join(" | ")} |`);
  } finally {
    await down(lab.name);
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
