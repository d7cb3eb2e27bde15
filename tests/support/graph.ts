import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import type { LogRequest } from "@pulumi/pulumi/proto/engine_pb";
import type {
  RegisterResourceOutputsRequest,
  RegisterResourceRequest,
  RegisterResourceResponse,
} from "@pulumi/pulumi/proto/resource_pb";
import * as runtime from "@pulumi/pulumi/runtime/state";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";

/** The parts of the runtime that have no types. Each inline program has its own store. */
const { withLocalStorage, getLocalStore } = runtime as unknown as {
  withLocalStorage<R>(program: () => R): R;
  getLocalStore(): { settings: { engine: unknown }; callbacks: unknown };
};
const { getMonitor, waitForRPCs } = pulumi.runtime as unknown as {
  getMonitor(): {
    registerResource(request: RegisterResourceRequest, answer: Answer): void;
    registerResourceOutputs(request: RegisterResourceOutputsRequest, answer: Answer): void;
  };
  waitForRPCs(): Promise<void>;
};
type Answer = (error: unknown, response: unknown) => void;

/** A resource as the program registered it. */
export interface Registered {
  type: string;
  name: string;
  /** Secret values are marked: see `secret`, `isSecret` and `reveal`. */
  inputs: Record<string, unknown>;
  /** The parent's name; absent at the top level. */
  parent?: string;
  /** The name of its provider, unless that is the default one. */
  provider?: string;
  /** The names of what it depends on, by `dependsOn` or by an input. */
  dependencies: string[];
  /** How many hooks of each kind it has. */
  hooks: Record<string, number>;
}

export interface LogLine {
  severity: "debug" | "info" | "warning" | "error";
  message: string;
  /** The resource that it is about. */
  resource?: string;
}

/** A resource in the state that a run leaves behind. */
export interface StateOf {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
}

/** The result of running a program in a world. */
export interface Graph<T> {
  resources: Registered[];
  /** By URN. */
  state: Record<string, StateOf>;
  /** The program's result with every Output in it resolved. */
  result: pulumi.Unwrap<T>;
  log: LogLine[];
}

/** A provider's answer: the resource's state besides its inputs. */
export type Provider = (resource: { type: string; name: string; inputs: Record<string, unknown> }) => {
  id?: string;
  [property: string]: unknown;
};

export interface World {
  /** Whether the run is a preview. */
  preview?: boolean;
  provider?: Provider;
  /** The state that an earlier run left. A resource that ignores changes takes those inputs from it. */
  before?: Record<string, StateOf>;
  /** Answers the program's calls of functions of Pulumi's engine or of a provider. */
  call?: (token: string, args: Record<string, unknown>) => Record<string, unknown>;
  organization?: string;
  stack?: string;
}

let running = false;

/**
 * Runs a program, or a part of one, against a stand-in for Pulumi's engine: one at a time, each in its own world.
 *
 * Throws errors in a provider, in an `apply` or in the program itself, which `setMocks` alone would swallow. Hooks, which
 * make `setMocks` hang, are recorded and never called.
 */
export async function graph<T>(program: () => T | Promise<T>, world: World = {}): Promise<Graph<T>> {
  assert.ok(
    !running,
    "another graph is running, so it would not be clear which of them an unhandled rejection belongs to",
  );
  running = true;
  return withLocalStorage(() => run(program, world)).finally(() => {
    running = false;
  });
}

async function run<T>(program: () => T | Promise<T>, world: World): Promise<Graph<T>> {
  const {
    preview = false,
    provider = (): ReturnType<Provider> => ({}),
    before = {},
    call = (token) => assert.fail(`the program calls ${token}, which nothing answers`),
    organization = "acme",
    stack = "prod",
  } = world;
  const resources: Registered[] = [];
  const state: Record<string, StateOf> = {};
  const log: LogLine[] = [];
  const errors: unknown[] = [];

  await pulumi.runtime.setMocks(
    {
      call: ({ token, inputs }) => call(token, inputs),
      newResource: ({ type, name, inputs, id }) => {
        const { id: given, ...state } = provider({
          type,
          name,
          inputs: reveal(inputs) as Record<string, unknown>,
        });
        return { id: id || (given ?? `${name}-id`), state: { ...inputs, ...state } };
      },
    },
    "everfresh",
    stack,
    preview,
    organization,
  );
  const monitor = getMonitor();
  const { registerResource, registerResourceOutputs } = monitor;
  monitor.registerResource = (request: RegisterResourceRequest, answer: Answer) => {
    if (request.getIgnorechangesList().length > 0) takeInputs(request, before);
    const resource = registered(request);
    resources.push(resource);
    return registerResource.call(monitor, request, (error: unknown, response: unknown) => {
      if (error) errors.push(error);
      else {
        const { type, name, inputs } = resource;
        const { getUrn, getObject } = response as RegisterResourceResponse;
        const outputs = (getObject.call(response)?.toJavaScript() ?? {}) as Record<string, unknown>;
        state[getUrn.call(response)] = { type, name, inputs, outputs };
      }
      answer(error, response);
    });
  };
  monitor.registerResourceOutputs = (request: RegisterResourceOutputsRequest, answer: Answer) => {
    const outputs = (request.getOutputs()?.toJavaScript() ?? {}) as Record<string, unknown>;
    const known = state[request.getUrn()];
    if (known) known.outputs = outputs;
    return registerResourceOutputs.call(monitor, request, answer);
  };
  const store = getLocalStore();
  store.settings.engine = {
    log: (request: LogRequest, done: () => void) => {
      log.push(logged(request));
      done();
    },
  };
  const nothing = async () => {};
  store.callbacks = {
    registerResourceHook: nothing,
    registerErrorHook: nothing,
    awaitStackRegistrations: nothing,
  };

  // Nobody awaits an `apply` that fails. Without this, the test runner would blame another test for it.
  const lost = (error: unknown) => void errors.push(error);
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection").on("unhandledRejection", lost);
  try {
    const result = await (async () => resolved(pulumi.output(await program())))().catch(lost);
    await waitForRPCs();
    await new Promise(setImmediate);
    if (errors.length > 0) throw errors[0];
    return { resources, state, result: result as pulumi.Unwrap<T>, log };
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const other of others) process.on("unhandledRejection", other);
  }
}

/** The value of an Output. Rejects where `apply` would be silent. */
const resolved = <T>(output: pulumi.Output<T>): Promise<T> =>
  (output as unknown as { promise(): Promise<T> }).promise();

const nameOf = (urn: string) => urn.slice(urn.lastIndexOf("::") + 2);

/** Does what the engine does for `ignoreChanges` (processIgnoreChanges in pkg/resource/deploy). The resource must be known. */
function takeInputs(request: RegisterResourceRequest, before: Record<string, StateOf>): void {
  const [type, name] = [request.getType(), request.getName()];
  const known = Object.values(before).find((it) => it.type === type && it.name === name);
  assert.ok(known, `${type} ${name} ignores changes, but is not in the state`);
  const ignored = request.getIgnorechangesList();
  const given = (request.getObject()?.toJavaScript() ?? {}) as Record<string, unknown>;
  const taken = Object.fromEntries(ignored.map((input) => [input, known.inputs[input]]));
  const inputs = ignored.includes("*") ? known.inputs : { ...given, ...taken };
  request.setObject(Struct.fromJavaScript(inputs as never));
}

function registered(request: RegisterResourceRequest): Registered {
  const hooks = request.getHooks()?.toObject() ?? {};
  const parent = request.getParent();
  const provider = request.getProvider().split("::").at(-2);
  return {
    type: request.getType(),
    name: request.getName(),
    inputs: (request.getObject()?.toJavaScript() ?? {}) as Record<string, unknown>,
    ...(parent ? { parent: nameOf(parent) } : {}),
    ...(provider ? { provider } : {}),
    dependencies: request.getDependenciesList().map(nameOf).sort(),
    hooks: Object.fromEntries(
      Object.entries<unknown[]>(hooks).flatMap(([kind, { length }]) =>
        length > 0 ? [[kind.replace(/List$/, ""), length]] : [],
      ),
    ),
  };
}

function logged(request: LogRequest): LogLine {
  const severities = ["debug", "info", "warning", "error"] as const;
  const urn = request.getUrn();
  return {
    severity: severities[request.getSeverity()]!,
    message: request.getMessage(),
    ...(urn ? { resource: nameOf(urn) } : {}),
  };
}

/** How Pulumi marks a secret on its way to the engine (pulumi/sdk, runtime/rpc). */
const marker = "4dabf18193072939515e22adb298388d";
const ofSecrets = "1b47061264138c4ac30d75fd1eb44270";

/** A secret value as it is registered. */
export const secret = (value: unknown) => ({ [marker]: ofSecrets, value });

export function isSecret(value: unknown): boolean {
  return (
    typeof value === "object" && value !== null && (value as Record<string, unknown>)[marker] === ofSecrets
  );
}

/** A value with the marks of its secrets removed. */
export function reveal(value: unknown): unknown {
  if (isSecret(value)) return reveal((value as { value: unknown }).value);
  if (Array.isArray(value)) return value.map(reveal);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reveal(inner)]));
}

/** A value with its secrets replaced, as others can read it. */
export function readable(value: unknown): unknown {
  if (isSecret(value)) return "[secret]";
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, readable(inner)]));
}

/** Each resource as `type name`, with `< parent` if it has one, sorted because registration has no fixed order. */
export function outline({ resources }: { resources: readonly Registered[] }): string[] {
  return resources.map(({ type, name, parent }) => `${type} ${name}${parent ? ` < ${parent}` : ""}`).sort();
}

/** The only resource of that name. */
export function named({ resources }: { resources: readonly Registered[] }, name: string): Registered {
  const found = resources.filter((resource) => resource.name === name);
  assert.equal(found.length, 1, `${found.length} resources are named ${name}`);
  return found[0]!;
}
