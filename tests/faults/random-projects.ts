/**
 * Random projects that change at random, with deployments that fail at random: whatever happens, what served keeps serving or
 * serves again. `EVERFRESH_PROJECTS` says how many, `EVERFRESH_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { engine } from "../../lab/faults";
import { ownHost } from "./support/own-host";
import { longSeed, randomFrom } from "./support/random";
import {
  containersOf,
  deploy,
  type HostContainer,
  inVolume,
  look,
  releaseOf,
  removeContainers,
  requestFor,
} from "./support/shop";
import { runOn } from "./support/ssh";

const SEED = longSeed();
const PROJECTS = Number(process.env.EVERFRESH_PROJECTS ?? 12);
/** Deployments of each, after the first. */
const CHANGES = 4;

type Failure = "dies" | "cannot start" | "never healthy";

interface Model {
  kind: "server" | "one-shot";
  /** Its containers are told this, so that another one is another configuration. */
  version: number;
  healthcheck: boolean;
  /** What it waits for, and how. */
  needs: Record<string, { condition: string; restart?: boolean }>;
  port?: number;
  containerName?: string;
  replicas: number;
  anonymous: boolean;
  failure?: Failure;
}

type Project = Record<string, Model>;

describe(`random projects of seed ${SEED}`, function () {
  this.timeout(0);
  const own = ownHost("random", ["api"]);

  beforeEach(async () => {
    await removeContainers(own.host);
    await engine(own.host, "volume", "rm", "-f", "shop_runs");
    await runOn(own.host, { command: "sh -s", stdin: "rm -rf ~/.everfresh" });
  });

  let count = 0;
  const release = (project: Project) =>
    releaseOf(own.images, `r${++count}`, {
      services: Object.fromEntries(
        Object.entries(project).map(([name, model]) => [name, written(name, model)]),
      ),
      volumes: { runs: {} },
    });

  /** What the one-shots have noted: a line for each run. */
  const runs = async (): Promise<string[]> =>
    (await inVolume(own.host, "runs", "cat /runs/all 2>/dev/null || :")).split("\n").filter(Boolean);

  for (let number = 1; number <= PROJECTS; number++) {
    it(`number ${number}`, async () => {
      const random = randomFrom(SEED + number * 7919);
      let served = randomProject(random);
      const first = await deploy(own.host, requestFor(own.lab, release(served), { healthTimeout: 15 }));
      assert.equal(first.status, 0, `${show(served)}\n${first.stderr}`);

      for (let change = 1; change <= CHANGES; change++) {
        const [before, ranBefore] = [await containersOf(own.host), await runs()];
        const next = changed(served, random);
        const { status, stderr } = await deploy(
          own.host,
          requestFor(own.lab, release(next), { healthTimeout: 6 }),
        );
        const [after, ranAfter] = [await containersOf(own.host), await runs()];
        const context = `${show(served)}\nbecomes\n${show(next)}\n${stderr}`;
        const failing = Object.keys(next).find((name) => next[name]!.failure);
        assert.equal(status, failing ? 1 : 0, context);

        const inForce = failing ? served : next;
        const { drift } = await look(own.host);
        assert.deepEqual(drift, [], context);
        for (const [name, { kind, replicas }] of Object.entries(inForce)) {
          if (kind === "one-shot") continue;
          const running = after.filter(({ service, state }) => service === name && state === "running");
          assert.equal(running.length, replicas, `${name} runs ${running.length} times\n${context}`);
        }
        const services = new Set(after.map(({ service }) => service));
        for (const service of services) assert.ok(inForce[service], `${service} is left over\n${context}`);

        const ran = ranAfter.slice(ranBefore.length);
        assert.equal(new Set(ran).size, ran.length, `a one-shot ran twice: ${ran.join()}\n${context}`);
        for (const run of ran) {
          const [name] = run.split(" ");
          const last = ranBefore.filter((earlier) => earlier.split(" ")[0] === name).at(-1);
          if (!isChanged(served[name!], next[name!])) assert.notEqual(run, last, `ran again\n${context}`);
        }
        if (failing) {
          for (const [name, model] of Object.entries(served)) {
            if (model.kind === "one-shot") continue;
            const same = (one: HostContainer[]) =>
              one
                .filter(({ service }) => service === name)
                .map(({ id, startedAt }) => `${id} ${startedAt}`)
                .sort();
            const isTouched =
              !next[name] ||
              (isChanged(model, next[name]) && !waitsFor(next, name, failing)) ||
              restartsWith(next, name, served) ||
              restartsWith(served, name, next) ||
              losesSomething(name, model, next);
            if (!isTouched) assert.deepEqual(same(after), same(before), `${name} was touched\n${context}`);
          }
          for (const { service, hash } of after) {
            const old = before.find((container) => container.service === service);
            if (old) assert.equal(hash, old.hash, `${service} is not what it was\n${context}`);
          }
        } else {
          served = next;
        }
      }
    });
  }
});

/** A service as compose is told of it. */
function written(name: string, model: Model) {
  const { kind, version, healthcheck, needs, port, containerName, replicas, anonymous, failure } = model;
  const note = `echo ${name} ${version} >>/runs/all`;
  const script =
    kind === "one-shot"
      ? failure === "dies"
        ? `${note}; exit 3`
        : note
      : failure === "dies"
        ? `: ${version}; exit 4`
        : `: ${version}; ${failure === "never healthy" ? "" : "touch /ok; "}exec sleep 100000`;
  return {
    image: "api",
    init: failure !== "cannot start",
    stop_grace_period: "1s",
    restart: kind === "one-shot" || failure ? "no" : "unless-stopped",
    command: failure === "cannot start" ? ["/no/such", String(version)] : ["sh", "-c", script],
    ...(Object.keys(needs).length > 0 && { depends_on: needs }),
    ...(kind === "one-shot" && { volumes: ["runs:/runs"] }),
    ...(kind === "server" && anonymous && { volumes: ["/cache"] }),
    ...(port && { ports: [{ target: 80, published: String(port), protocol: "tcp", mode: "ingress" }] }),
    ...(containerName && { container_name: containerName }),
    ...(replicas > 1 && { scale: replicas }),
    ...(healthcheck && {
      healthcheck: { test: ["CMD", "test", "-f", "/ok"], interval: "300ms", timeout: "2s", retries: 4 },
    }),
  };
}

function randomProject(random: () => number): Project {
  const project: Project = {};
  const size = 3 + Math.floor(random() * 3);
  for (let i = 0; i < size; i++) addService(project, `s${i}`, random);
  return project;
}

function addService(project: Project, name: string, random: () => number): void {
  const kind = random() < 0.3 ? "one-shot" : "server";
  const free = [8080, 8081].filter((port) => !Object.values(project).some((other) => other.port === port));
  const isServer = kind === "server";
  const port = isServer && random() < 0.3 ? free[0] : undefined;
  const containerName =
    isServer && random() < 0.15 && !Object.values(project).some((other) => other.containerName)
      ? "fixed"
      : undefined;
  project[name] = {
    kind,
    version: 1,
    healthcheck: isServer && random() < 0.6,
    needs: Object.fromEntries(
      Object.entries(project)
        .filter(() => random() < 0.45)
        .map(([needed, model]) => [needed, conditionFor(model, random)]),
    ),
    ...(port && { port }),
    ...(containerName && { containerName }),
    replicas: isServer && !port && !containerName && random() < 0.2 ? 2 : 1,
    anonymous: random() < 0.2,
  };
}

function conditionFor({ kind, healthcheck }: Model, random: () => number) {
  const condition =
    kind === "one-shot"
      ? random() < 0.8
        ? "service_completed_successfully"
        : "service_started"
      : healthcheck && random() < 0.7
        ? "service_healthy"
        : "service_started";
  return { condition, ...(kind === "server" && random() < 0.2 && { restart: true }) };
}

/** No version comes twice: what failed may not be taken for what is right. */
let version = 1;

/** The next working tree: services change, come, go, and give each other what only one can have; sometimes one is broken. */
function changed(project: Project, random: () => number): Project {
  const next = structuredClone(project);
  const names = Object.keys(next);
  for (const name of names) if (random() < 0.4) next[name]!.version = ++version;
  if (random() < 0.2 && names.length > 2) {
    const gone = names[Math.floor(random() * names.length)]!;
    delete next[gone];
    for (const { needs } of Object.values(next)) delete needs[gone];
  }
  if (random() < 0.25) addService(next, `n${Math.floor(random() * 1000)}`, random);
  for (const key of ["port", "containerName"] as const) {
    const holder = Object.values(next).find((model) => model[key]);
    const others = Object.values(next).filter(
      (model) => model.kind === "server" && model.replicas === 1 && !model[key],
    );
    const heir = others[Math.floor(random() * others.length)];
    if (!holder || !heir || random() > 0.3) continue;
    Object.assign(heir, { [key]: holder[key] });
    delete holder[key];
  }
  if (random() < 0.5) {
    const victims = Object.values(next);
    const victim = victims[Math.floor(random() * victims.length)]!;
    victim.version = ++version;
    const ways: Failure[] =
      victim.kind === "one-shot"
        ? ["dies", "cannot start"]
        : ["dies", "cannot start", ...(victim.healthcheck ? (["never healthy"] as const) : [])];
    victim.failure = ways[Math.floor(random() * ways.length)]!;
  }
  return next;
}

const isChanged = (old: Model | undefined, now: Model | undefined): boolean =>
  JSON.stringify(old && written("x", old)) !== JSON.stringify(now && written("x", now));

/** Whether a service is not to be touched when that other one fails: it waits for it, directly or through others. */
const waitsFor = (project: Project, name: string, failing: string): boolean =>
  Object.entries(project[name]?.needs ?? {}).some(([needed, { condition }]) =>
    needed === failing
      ? project[failing]!.failure === "cannot start" || condition !== "service_started"
      : waitsFor(project, needed, failing),
  );

/** Whether it is restarted with one that changed. */
const restartsWith = (project: Project, name: string, other: Project): boolean =>
  Object.entries(project[name]?.needs ?? {}).some(
    ([needed, { restart }]) =>
      (restart && isChanged(other[needed], project[needed])) ||
      (restart && restartsWith(project, needed, other)),
  );

/** Whether what only one container can have goes to another service. */
const losesSomething = (name: string, model: Model, next: Project): boolean =>
  (["port", "containerName"] as const).some(
    (key) =>
      model[key] && Object.entries(next).some(([other, it]) => other !== name && it[key] === model[key]),
  );

const show = (project: Project): string =>
  Object.entries(project)
    .map(([name, model]) => `  ${name}: ${JSON.stringify(model)}`)
    .join("\n");
