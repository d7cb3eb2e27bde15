import { isObject, type Properties, unknown, type Value } from "../plugin/properties";

/** What the official plugin does to properties because it is a bridge to a provider of Terraform's. */

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

/** An empty collection is none, and a map in which something is not known yet is not known. */
export function asTerraformHasIt(properties: Properties): Properties {
  const entries = Object.entries(properties).map(([name, value]): [string, Value] => [
    name,
    isObject(value) && Object.values(value).includes(unknown) && name === "triggers" ? unknown : value,
  ]);
  return Object.fromEntries(entries.filter(([, value]) => !isEmpty(value)));
}

const isEmpty = (value: Value) =>
  Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
