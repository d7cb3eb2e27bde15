import * as v from "valibot";
import type { DeployResult } from "./types";

/** What a host proved, as the stack remembers it. */
export type ProvedRelease = Omit<DeployResult, "seconds">;

const text = v.string();
const resultLine = v.pipe(
  text,
  v.parseJson(),
  v.object({
    release: v.pipe(text, v.minLength(1)),
    verifiedAt: text,
    services: v.record(
      text,
      v.object({ container: text, digest: v.optional(text), startedAt: text, health: text }),
    ),
  }),
);

/**
 * Parses the output of a deployment. The host's login and logout scripts may have printed lines of their own.
 *
 * @returns an empty release if no line is a result; `judge` treats that as drift.
 */
export function readResult(stdout: string): ProvedRelease {
  const results = stdout.split("\n").flatMap((line) => {
    const result = v.safeParse(resultLine, line);
    return result.success ? [result.output] : [];
  });
  return results.at(-1) ?? { release: "", verifiedAt: "", services: {} };
}
