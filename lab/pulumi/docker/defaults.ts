import type { Properties, Value } from "../plugin/properties";

/**
 * Fills in what is missing, and notes which names that were, as Terraform's bridge does for itself
 * (pulumi-terraform-bridge, pkg/tfbridge/schema.go): the state is then the same with the official plugin.
 */
export function withDefaults(inputs: Properties, defaults: Properties = {}): Properties {
  const missing = Object.keys(defaults).filter((name) => (inputs[name] ?? undefined) === undefined);
  return {
    ...inputs,
    ...Object.fromEntries(missing.map((name) => [name, defaults[name]!])),
    __defaults: missing,
  };
}

/** As inputs come back in the state: without that note. */
export function withoutNote({ __defaults, ...properties }: Properties): Properties {
  return properties;
}

/** A nested property in which one is replaced; an unknown one stays unknown. */
export const nested = (
  value: Value | undefined,
  change: (properties: Properties) => Properties,
): Properties | Value | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? change(value) : value;
