import * as v from "valibot";
import type { Check } from "../host/types";
import { problem } from "../problems";

/** What a service's `x-everfresh:` says. */
export interface ServiceOptions {
  verify: Check[];
}

const httpCheck = v.strictObject({
  path: v.pipe(v.string(), v.startsWith("/", "must begin with `/`")),
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535)),
  status: v.optional(v.pipe(v.number(), v.integer(), v.minValue(100), v.maxValue(599)), 200),
  body: v.optional(v.string()),
});
const fileCheck = v.strictObject({
  path: v.pipe(v.string(), v.startsWith("/", "must be an absolute path in the container")),
  contains: v.pipe(v.string(), v.minLength(1, "is empty")),
});
const schema = v.strictObject({
  verify: v.optional(
    v.strictObject({
      http: v.optional(httpCheck),
      command: v.optional(v.pipe(v.array(v.string(), "must be a list of words"), v.minLength(1, "is empty"))),
      file: v.optional(fileCheck),
    }),
  ),
  strategy: v.optional(
    v.literal("recreate", "must be `recreate`; `start-first` and `swarm` are not available yet"),
  ),
});

/** Reads `x-everfresh:` of one service, adding to `problems` what is wrong with it. */
export function parseOptions(node: unknown, where: string, problems: string[]): ServiceOptions {
  const result = v.safeParse(schema, node ?? {});
  if (!result.success) {
    for (const issue of result.issues) {
      const key = v.getDotPath(issue);
      problems.push(problem(key ? `${where}.${key}` : where, issue.message, "see docs/configuration.md"));
    }
    return { verify: [] };
  }
  const { http, command, file } = result.output.verify ?? {};
  const verify: Check[] = [];
  if (http) verify.push({ kind: "http", ...http });
  if (command) verify.push({ kind: "command", command });
  if (file) verify.push({ kind: "file", ...file });
  return { verify };
}
