import * as v from "valibot";
import type { Check, ReleaseCommand, Reload } from "../host/types";
import { problem } from "../problems";
import { wording } from "../wording";
import type { ComposeDocument } from "./document";

/** Where the source of a relative bind mount comes from: shipped with each release, or a path on the host. */
export type Place = "ship" | "host";

/** A service's `x-everfresh:` options. */
export interface ServiceOptions {
  verify: Check[];
  /** Volumes that are recreated with each image, by their name in the compose file or their path in the container. */
  imageVolumes: string[];
  /** Where the sources of relative bind mounts come from, by the source as written in the compose file. */
  mounts: Record<string, Place>;
  rollout: RolloutOptions;
  commands: ReleaseCommands;
}

/** What runs for a release: once before any container is replaced, once after the proof, and whenever files have changed. */
export interface ReleaseCommands {
  before?: ReleaseCommand;
  after?: ReleaseCommand;
  /** How the service takes new files without a new container. */
  reload?: Reload;
}

/** How a service's containers are replaced. */
export interface RolloutOptions {
  /** By default, as the stack's `strategy` says. */
  strategy?: Strategy;
  /** How an old container is drained of its requests before it is stopped. */
  drain?: Drain;
  /** Whether a rollout waits until the new container is in use. */
  observe: boolean;
}

/** `recreate`: the old container is removed before the new one starts. `start-first`: the new one starts beside it. */
export type Strategy = "recreate" | "start-first";
export const strategies = ["recreate", "start-first"] as const;
export const otherStrategy = "must be `recreate` or `start-first`; `swarm` is not available yet";

export interface Drain {
  /** Runs in the old container, which then should get no new requests. */
  command: string[];
  /** How long requests may still take before the container gets its stop signal. */
  seconds: number;
}

const text = v.pipe(v.string("must be a string"), v.regex(/^[^\0]*$/, "has a NUL character"));
const whole = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message));
};
const httpCheck = v.strictObject({
  path: v.pipe(
    text,
    v.startsWith("/", "must begin with `/`"),
    v.regex(/^[!-~]*$/, "must be a URL path, with blanks and non-ASCII characters percent-encoded"),
  ),
  port: whole(1, 65535),
  status: v.optional(whole(100, 599), 200),
  body: v.optional(text),
});
const fileCheck = v.strictObject({
  path: v.pipe(text, v.startsWith("/", "must be an absolute path in the container")),
  contains: v.pipe(text, v.minLength(1, "is empty")),
});
const command = v.pipe(v.array(text, "must be a list of words"), v.minLength(1, "is empty"));
const releaseCommand = v.strictObject({
  command,
  exec: v.optional(v.boolean("must be `true` or `false`"), false),
  seconds: v.optional(whole(1, 86_400), 600),
});
const schema = v.strictObject({
  verify: v.optional(
    v.strictObject({
      http: v.optional(httpCheck),
      command: v.optional(command),
      file: v.optional(fileCheck),
    }),
  ),
  volumes: v.optional(v.record(text, v.literal("image", "must be `image`"))),
  mounts: v.optional(v.record(text, v.picklist(["ship", "host"], "must be `ship` or `host`"))),
  strategy: v.optional(v.picklist(strategies, otherStrategy)),
  drain: v.optional(v.strictObject({ command, seconds: v.optional(whole(0, 3600), 10) })),
  observe: v.optional(v.boolean("must be `true` or `false`"), true),
  before: v.optional(releaseCommand),
  after: v.optional(releaseCommand),
  reload: v.optional(v.strictObject({ check: command, command, seconds: v.optional(whole(1, 3600), 30) })),
});

const volumeSchema = v.strictObject({ exclusive: v.optional(v.boolean("must be `true` or `false`")) });

/** What is wrong with the `x-everfresh:` of volumes. */
export const volumeOptionProblems = (volumes: ComposeDocument["volumes"] = {}): string[] =>
  Object.entries(volumes).flatMap(([name, volume]) => {
    const result = v.safeParse(volumeSchema, volume?.["x-everfresh"] ?? {});
    return (result.issues ?? []).map((issue) => optionProblem(issue, `volumes.${name}.x-everfresh`));
  });

function optionProblem(issue: v.BaseIssue<unknown>, where: string): string {
  const key = v.getDotPath(issue);
  return problem(key ? `${where}.${key}` : where, wording(issue), "see docs/configuration.md");
}

/** Reads a service's `x-everfresh:` and adds what is wrong with it to `problems`. */
export function parseOptions(node: unknown, where: string, problems: string[]): ServiceOptions {
  const result = v.safeParse(schema, node ?? {});
  if (!result.success) {
    problems.push(...result.issues.map((issue) => optionProblem(issue, where)));
    return { verify: [], imageVolumes: [], mounts: {}, rollout: { observe: true }, commands: {} };
  }
  const { http, command, file } = result.output.verify ?? {};
  const verify: Check[] = [];
  if (http) verify.push({ kind: "http", ...http });
  if (command) verify.push({ kind: "command", command });
  if (file) verify.push({ kind: "file", ...file });
  const { verify: _, volumes = {}, mounts = {}, before, after, reload, ...rollout } = result.output;
  const commands = {
    ...(before ? { before } : {}),
    ...(after ? { after } : {}),
    ...(reload ? { reload } : {}),
  };
  return { verify, imageVolumes: Object.keys(volumes), mounts, rollout, commands };
}
