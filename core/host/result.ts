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
 * Reads what a deployment printed. Scripts of the host's login and logout may have said something too.
 *
 * @returns an empty release when no line of it is a result: `judge` takes that for drift.
 */
export function readResult(stdout: string): ProvedRelease {
  const results = stdout.split("\n").flatMap((line) => {
    const result = v.safeParse(resultLine, line);
    return result.success ? [result.output] : [];
  });
  return results.at(-1) ?? { release: "", verifiedAt: "", services: {} };
}
