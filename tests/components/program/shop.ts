import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { readWorkingTree } from "../../../adapters/git";
import type { Outside } from "../../../adapters/outside";
import type { PushLogin } from "../../../adapters/registry-access";
import type { ComposeText } from "../../../core/compose/document";
import type { HostState } from "../../../core/host/types";
import { type Memory, memoryType, type StackOutputs } from "../../../core/release/deployed";
import program from "../../../index";
import { printed } from "../../support/compose";
import {
  type Graph,
  graph,
  named,
  type Provider,
  reveal,
  type StateOf,
  type World,
} from "../../support/graph";
import { empty } from "../../unit/core/host/states";
import { host, providers, settings } from "../fixtures";

/** Runs the whole program on a project of three services, in a world that a test can change. */

export const commit = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";
const privateKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
const web2 = { ...host, name: "web2", address: "2001:db8::2", privateKey };
const config = {
  composeFile: "compose.yaml",
  hosts: [{ ...host, privateKey }, web2],
  registry: settings.registry,
};

export type Outputs = Required<StackOutputs>;
export type Run = Graph<Outputs>;

/** The world outside the program. It is read on each run, so that a test can change it between runs. */
export interface Surroundings {
  compose(): ComposeText;
  /** Returns the digest that the registry has for a name. */
  registry(name: string): string | undefined;
  /** Removes build cache of that age, of one kind or all, and returns how much it was. */
  prune?(unusedHours: number, kind?: string): string | undefined;
  /** Pulls an image into this machine's engine. */
  pull?(image: string): void;
  /** Returns the layers that a registry reports for an image; default: none. */
  layers?(name: string): { diffId: string; bytes: number }[] | undefined;
  /** Returns docker's own login for a registry; default: none. */
  pushLogin?(host: string): PushLogin;
  /** Starts the registry of this machine. */
  useLocalRegistry?(): void;
  host(name: string): HostState;
  commit(): { commit: string; dirty?: string } | undefined;
}

/** A stack as other runs see it. */
interface Stack {
  outputs: Partial<StackOutputs> & Record<string, unknown>;
  state: Record<string, StateOf>;
}

export const shop = {
  /** The project's folder. The program runs in its `run/`. */
  folder: "",
  outside: {} as Surroundings,
  /** What each stack deployed, by the stack's full name. */
  stacks: {} as Record<string, Stack>,
};

/** Gives each test of a suite its own project. */
export function useShop(): void {
  const cwd = process.cwd();
  const secretKeys = process.env.PULUMI_CONFIG_SECRET_KEYS;

  beforeEach(() => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-program-"));
    for (const service of ["web", "api"]) {
      mkdirSync(path.join(folder, service));
      writeFileSync(path.join(folder, service, "Dockerfile"), "FROM debian:trixie-slim\nCOPY page /\n");
      writeFileSync(path.join(folder, service, "page"), service);
      writeFileSync(path.join(folder, service, "README.md"), "");
    }
    writeFileSync(path.join(folder, "conf"), "level = 1\n");
    mkdirSync(path.join(folder, "run"));
    process.chdir(path.join(folder, "run"));
    process.env.PULUMI_CONFIG_SECRET_KEYS = JSON.stringify(["everfresh:hosts", "everfresh:registry"]);
    shop.folder = folder;
    shop.stacks = {};
    shop.outside = {
      compose: () => compose(folder),
      registry: () => undefined,
      host: () => empty(),
      commit: () => ({ commit }),
    };
  });
  afterEach(() => {
    process.chdir(cwd);
    rmSync(shop.folder, { recursive: true });
    if (secretKeys === undefined) delete process.env.PULUMI_CONFIG_SECRET_KEYS;
    else process.env.PULUMI_CONFIG_SECRET_KEYS = secretKeys;
  });
}

function compose(folder: string): ComposeText {
  const service = (name: string) => ({
    build: { context: path.join(folder, name), dockerfile: "Dockerfile" },
  });
  const conf = { type: "bind", source: path.join(folder, "conf"), target: "/etc/conf", read_only: true };
  const services = {
    web: {
      ...service("web"),
      ports: [{ target: 80, published: "8080", protocol: "tcp" }],
      depends_on: { api: {} },
    },
    api: { ...service("api"), volumes: [conf] },
    redis: { image: "redis:7" },
  };
  const written = { api: { volumes: [{ ...conf, source: "./conf" }] } };
  return { ...printed({ name: "shop", services }, { services: written }), folder, environment: {} };
}

/** The adapters for the program. */
const standIns = (): Outside => {
  const { outside } = shop;
  return {
    readCompose: async () => outside.compose(),
    readWorkingTree: async () => outside.commit() as Awaited<ReturnType<typeof readWorkingTree>>,
    probeHost: async ({ name }) => outside.host(name),
    localOnBuild: async () => [],
    pullImage: async (image) => outside.pull?.(image),
    pruneBuildCache: async (hours, kind) => outside.prune?.(hours, kind),
    readOnBuildMemory: async () => ({}),
    writeOnBuildMemory: async () => {},
    useLocalRegistry: async () => outside.useLocalRegistry?.(),
    resolveDigest: async (name) => outside.registry(name),
    imageLayers: async (name) => outside.layers?.(name),
    onBuildOf: async () => undefined,
    pushLogin: async (host) => outside.pushLogin?.(host) ?? { kind: "none" },
  };
};

const thisStack = "acme/everfresh/prod";
export const staging = "acme/everfresh/staging";

/** Runs one `pulumi up`, or preview, of this stack. */
export function run(
  changes: Record<string, unknown> = {},
  world: World = {},
  extra: Provider = () => ({}),
): Promise<Run> {
  const provider: Provider = (resource) => {
    if (resource.type !== "pulumi:pulumi:StackReference")
      return { ...providers(resource), ...extra(resource) };
    return { outputs: shop.stacks[resource.inputs.name as string]?.outputs ?? {}, secretOutputNames: [] };
  };
  const call: World["call"] = (token, { stackName }) => {
    assert.equal(token, "pulumi:pulumi:readStackResourceOutputs");
    return { name: stackName, outputs: shop.stacks[stackName as string]?.state ?? {} };
  };
  return graph<Outputs>(
    () => {
      const values = Object.entries({ ...config, ...changes }).map(([key, value]) => [
        `everfresh:${key}`,
        typeof value === "string" ? value : JSON.stringify(value),
      ]);
      pulumi.runtime.setAllConfig(Object.fromEntries(values), ["everfresh:hosts", "everfresh:registry"]);
      return program(standIns()) as unknown as Promise<Outputs>;
    },
    { provider, call, before: shop.stacks[thisStack]?.state ?? {}, ...world },
  );
}

/** Remembers what a run left in a stack's state. */
export function leave({ result, state }: Run, stack = thisStack): void {
  shop.stacks[stack] = { outputs: result, state };
}

/** Remembers what a run left in this stack's state, and the hosts' state after it. */
export function deployed(run: Run): void {
  leave(run);
  const { result } = run;
  shop.outside.host = () => ({
    ...empty(),
    token: "proved",
    lineage: "feedfacefeedface",
    deployment: "1",
    current: {
      id: result.release,
      project: "shop",
      tag: result.tag,
      who: "ada",
      from: "laptop",
      stack: thisStack,
      services: [],
      files: [],
    },
  });
}

/** A run whose hosts have all proved its images. */
export function proved(run: Run): Run {
  const { result } = run;
  const services = Object.fromEntries(
    Object.entries(result.images).map(([name, { digest }]) => [
      name,
      { container: "c1", digest, startedAt: "2030-01-02T03:04:00Z", health: "healthy" },
    ]),
  );
  const hosts = Object.entries(result.hosts).map(([name, host]) => [name, { ...host, services }]);
  return { ...run, result: { ...result, hosts: Object.fromEntries(hosts) } };
}

/** What the program remembers besides the outputs. */
export const memoryOf = ({ state }: Run) =>
  reveal(Object.values(state).find(({ type }) => type === memoryType)!.outputs) as Memory;

/** The result of a run of an earlier version, which kept everything in the outputs. */
export const withoutMemory = (run: Run): Run => ({
  ...run,
  state: Object.fromEntries(Object.entries(run.state).filter(([, { type }]) => type !== memoryType)),
});

export const inputsOf = ({ resources }: Run) =>
  Object.fromEntries(resources.map(({ type, name, inputs }) => [`${type} ${name}`, inputs]));

/** The names of resources in both runs whose inputs differ. */
export const changed = (before: Run, after: Run) => {
  const [a, b] = [inputsOf(before), inputsOf(after)];
  const both = Object.keys(a).filter((key) => key in b);
  return both
    .filter((key) => JSON.stringify(withoutStdin(a[key])) !== JSON.stringify(withoutStdin(b[key])))
    .map((key) => key.slice(key.indexOf(" ") + 1))
    .sort();
};

/** A changed stdin alone replaces nothing: the host only reports its proof again. */
const withoutStdin = ({ stdin: _, ...inputs }: Record<string, unknown> = {}) => inputs;

/** The release as sent to the first host, without its mounted files. */
export const programOf = (run: Run) => {
  const stdin = reveal(named(run, "web1-up").inputs.stdin) as string;
  const payload = /EVERFRESH_PAYLOAD'\n([\s\S]*?)\nEVERFRESH_PAYLOAD/.exec(stdin)![1]!;
  return Buffer.from(payload, "base64").toString("latin1");
};

export const noCache = (run: Run) => (named(run, "web-build").inputs.build as { noCache: boolean }).noCache;

export const dockerResources = ({ resources }: Run) =>
  resources.filter(({ type }) => type.startsWith("docker:"));

/** Asserts that a run fails with these problems, one per line, and without a stack trace. */
export const refused = async (run: Promise<unknown>, ...starts: string[]) => {
  await assert.rejects(run, (error: Error) => {
    assert.ok(pulumi.RunError.isInstance(error), String(error.stack));
    const lines = error.message.split("\n");
    assert.equal(lines.length, starts.length, error.message);
    for (const [i, start] of starts.entries()) assert.ok(lines[i]!.startsWith(start), error.message);
    return true;
  });
};
