import { isObject, type Properties, unknown, type Value } from "../plugin/properties";

/**
 * Fills in defaults and lists their names in `__defaults`, as the Terraform bridge does in the official plugin
 * (pulumi-terraform-bridge, pkg/tfbridge/schema.go). So either of them can continue with the other's state.
 */
export function withDefaults(inputs: Properties, defaults: Properties = {}): Properties {
  const missing = Object.keys(defaults).filter((name) => (inputs[name] ?? undefined) === undefined);
  return {
    ...inputs,
    ...Object.fromEntries(missing.map((name) => [name, defaults[name]!])),
    __defaults: missing,
  };
}

/** Removes `__defaults`, which inputs have and the state does not. */
export function withoutNote({ __defaults, ...properties }: Properties): Properties {
  return properties;
}

/** Terraform does not tell an empty collection from none, and does not know triggers of which one is unknown. */
export function asTerraformHasIt(properties: Properties): Properties {
  const entries = Object.entries(properties).map(([name, value]): [string, Value] => [
    name,
    isObject(value) && Object.values(value).includes(unknown) && name === "triggers" ? unknown : value,
  ]);
  return Object.fromEntries(entries.filter(([, value]) => !isEmpty(value)));
}

const isEmpty = (value: Value) =>
  Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
