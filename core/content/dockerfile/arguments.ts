import { own } from "../../records";
import type { PlanOptions } from "./plan";
import { Unsure } from "./unsure";
import { type Assignment, expand, Variables } from "./variables";

/** The arguments that the builder sets before the first ARG. */
const PREDEFINED = [
  ...["BUILDPLATFORM", "BUILDOS", "BUILDOSVERSION", "BUILDARCH", "BUILDVARIANT"],
  ...["TARGETPLATFORM", "TARGETOS", "TARGETOSVERSION", "TARGETARCH", "TARGETVARIANT"],
  "TARGETSTAGE",
];

/** Whether a given argument reaches the image without being declared. */
export function needsNoDeclaration(name: string): boolean {
  return PREDEFINED.includes(name) || /^BUILDKIT_|^SOURCE_DATE_EPOCH$/.test(name);
}

/** The variables that FROM lines see: the builder's own arguments, then those declared before the first FROM. */
export function globalVariables(
  declared: Assignment[],
  options: Pick<PlanOptions, "args" | "platform">,
  escapeChar: string,
): Variables {
  const variables = predefinedVariables(options);
  for (const declaration of declared) declareArgument(variables, declaration, options.args, escapeChar);
  return variables;
}

/** Sets a declared argument to the given value, otherwise to its default, if it has one. */
export function declareArgument(
  variables: Variables,
  { name, value }: Assignment,
  args: PlanOptions["args"],
  escapeChar: string,
): void {
  const given = own(args, name);
  if (given != null) variables.set(name, given);
  else if (value !== undefined) variables.set(name, expandIfKnown(value, variables, escapeChar));
}

/** Like {@link expand}; undefined if only the builder knows the value. */
export function expandIfKnown(value: string, variables: Variables, escapeChar: string): string | undefined {
  try {
    return expand(value, variables, escapeChar);
  } catch (error) {
    if (error instanceof Unsure) return undefined;
    throw error;
  }
}

/**
 * The builder's own arguments: the given values, otherwise those that do not depend on the building machine. See BuildKit's
 * `defaultArgs` of `dockerfile2llb`.
 */
function predefinedVariables({ args, platform }: Pick<PlanOptions, "args" | "platform">): Variables {
  // The builder normalizes other platforms (`linux/arm64/v8` becomes `linux/arm64`).
  const plain = /^(linux)\/(amd64|arm64)$/.exec(platform ?? "");
  const ofTarget: Record<string, string | undefined> = plain
    ? { TARGETPLATFORM: plain[0], TARGETOS: plain[1], TARGETARCH: plain[2], TARGETVARIANT: "" }
    : {};
  return new Variables(
    false,
    PREDEFINED.map((name) => [name, own(args, name) ?? ofTarget[name]]),
  );
}
