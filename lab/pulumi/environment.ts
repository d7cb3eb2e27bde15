import path from "node:path";

/**
 * The environment in which commands find what `scripts/setup` installed (the Pulumi CLI, where it is not on PATH):
 * the counterpart of `scripts/env`.
 */
export function withTools(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const ours = path.join(__dirname, "..", "..", ".everfresh", "bin");
  return { ...environment, PATH: `${ours}${path.delimiter}${environment.PATH ?? ""}` };
}
