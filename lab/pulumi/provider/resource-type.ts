import { isObject, type Properties, revealed, type Value } from "../plugin/properties";

/** What a stand-in can do with one type of resource. Properties have the marks of secrets and unknown values. */
export interface ResourceType {
  /** The inputs that are supported. Any other is refused by name. */
  inputs: Shape;
  /** Fills in defaults and validates. Default: returns the inputs unchanged. */
  check?(inputs: Properties): { inputs: Properties; failures?: Failure[] };
  /** Prepares inputs for comparison. Default: returns them unchanged. */
  compared?(inputs: Properties): Properties;
  /** Whether a change at this path (`build.context`, `triggers[0]`) replaces the resource. */
  replaces(path: string): boolean;
  /** Whether a replacement deletes the old resource first. Default: false. */
  deleteBeforeReplace?: boolean;
  /** Whether a diff names the paths inside a property that differ. Default: true. */
  detailedDiff?: boolean;
  /** The state as preview knows it. `old` is the current state, if the resource would be updated. */
  preview(inputs: Properties, old?: Properties): Properties;
  create(inputs: Properties, resource: Resource): Promise<Made>;
  /** Returns the new state; undefined if the resource is gone. Not needed where every change replaces. */
  update?(inputs: Properties, old: Properties, resource: Resource): Promise<Properties | undefined>;
  /** Returns the current state; undefined if the resource is gone. Default: the state that is given. */
  read?(state: Properties): Promise<Properties | undefined>;
  /** Default: does nothing. */
  delete?(state: Properties, resource: Resource): Promise<void>;
}

/** The names of inputs. `true` allows any value. */
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
  /** Shows a line of progress at the resource. */
  progress(line: string): void;
}

/** The paths of inputs that a shape does not have. */
export function strangers(value: Value, shape: Shape, path = ""): string[] {
  const given = revealed(value);
  if (!isObject(given)) return [];
  return Object.entries(given).flatMap(([name, item]) => {
    if (name === "__defaults") return []; // of inputs that were checked before
    const inner = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (inner === undefined) return [path + name];
    return inner === true ? [] : strangers(item, inner, `${path}${name}.`);
  });
}
