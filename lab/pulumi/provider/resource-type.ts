import { isObject, type Properties, revealed, type Value } from "../plugin/properties";

/** What a stand-in knows of one type of resource. In all that it gets and returns, secrets and unknowns are marked. */
export interface ResourceType {
  /** The inputs it has; every other one is refused by name. */
  inputs: Shape;
  /** Fills in defaults, and finds what is wrong. Default: takes the inputs as they are. */
  check?(inputs: Properties): { inputs: Properties; failures?: Failure[] };
  /** Inputs as they are compared. Default: as they are. */
  compared?(inputs: Properties): Properties;
  /** Whether a difference at this path (`build.context`, `triggers[0]`) asks for another resource. */
  replaces(path: string): boolean;
  /** Whether the old one goes before the new one comes. Default: after. */
  deleteBeforeReplace?: boolean;
  /** Whether a diff says what differs inside a property. Default: it does. */
  detailedDiff?: boolean;
  /** What preview can tell; `old` is the state of the resource that would be updated. */
  preview(inputs: Properties, old?: Properties): Properties;
  create(inputs: Properties, resource: Resource): Promise<Made>;
  /** The new state; undefined when it is gone. Default: there is nothing to update, as every difference replaces. */
  update?(inputs: Properties, old: Properties, resource: Resource): Promise<Properties | undefined>;
  /** What it is like now; undefined when it is gone. Default: as the state says. */
  read?(state: Properties): Promise<Properties | undefined>;
  /** Default: there is nothing to delete. */
  delete?(state: Properties, resource: Resource): Promise<void>;
}

/** `true`: whatever is in there. */
export interface Shape {
  [name: string]: true | Shape;
}

export interface Failure {
  property: string;
  reason: string;
}

export interface Made {
  id: string;
  properties: Properties;
}

/** The resource that a request is about. */
export interface Resource {
  name: string;
  /** Shows a line of progress at the resource; nothing of it stays. */
  progress(line: string): void;
}

/** The paths of what a shape does not have. */
export function strangers(value: Value, shape: Shape, path = ""): string[] {
  const given = revealed(value);
  if (!isObject(given)) return [];
  return Object.entries(given).flatMap(([name, item]) => {
    const inner = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (inner === undefined) return [path + name];
    return inner === true ? [] : strangers(item, inner, `${path}${name}.`);
  });
}
