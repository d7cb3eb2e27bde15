import { isDeepStrictEqual } from "node:util";
import { isMarked, isObject, type Properties, unknown, type Value } from "../plugin/properties";
import type { ResourceType } from "./resource-type";

export type Change = "added" | "deleted" | "updated";

export interface Diff {
  /** By path, such as `build.context`, `triggers[0]` or `environment["a-b"]`. */
  changes: Map<string, { change: Change; replaces: boolean }>;
  /** Names of the inputs that differ. */
  inputs: string[];
  /** Names of those that replace the resource. */
  replacing: string[];
}

/** Compares the old inputs of a resource with its new ones. */
export function diff(
  olds: Properties,
  news: Properties,
  { compared = (inputs) => inputs, replaces }: Pick<ResourceType, "compared" | "replaces">,
): Diff {
  const changes = new Map(
    differences(compared(olds), compared(news)).map(([path, change]) => [
      path,
      { change, replaces: replaces(path) },
    ]),
  );
  const paths = [...changes.keys()];
  return {
    changes,
    inputs: distinct(paths.map(inputOf)),
    replacing: distinct(paths.filter((path) => changes.get(path)!.replaces).map(inputOf)),
  };
}

function differences(old: Value | undefined, now: Value | undefined, path = ""): [string, Change][] {
  const [had, has] = [old ?? undefined, now ?? undefined];
  if (had === undefined || has === undefined) {
    return had === has ? [] : [[path, had === undefined ? "added" : "deleted"]];
  }
  if (has !== unknown && !isMarked(had) && !isMarked(has)) {
    if (Array.isArray(had) && Array.isArray(has)) {
      return Array.from({ length: Math.max(had.length, has.length) }).flatMap((_, index) =>
        differences(had[index], has[index], `${path}[${index}]`),
      );
    }
    if (isObject(had) && isObject(has)) {
      return distinct([...Object.keys(had), ...Object.keys(has)])
        .filter((name) => name !== "__defaults") // see withDefaults in ../docker/terraform.ts
        .flatMap((name) => differences(had[name], has[name], path + step(name, path)));
    }
  }
  return isDeepStrictEqual(had, has) ? [] : [[path, "updated"]];
}

/** As the engine writes it (sdk/go/common/resource/property_path.go). */
function step(name: string, path: string): string {
  if (!/^[A-Za-z_]\w*$/.test(name)) return `[${JSON.stringify(name)}]`;
  return path === "" ? name : `.${name}`;
}

const inputOf = (path: string) => /^[^.[]*/.exec(path)![0];

const distinct = <T>(items: T[]): T[] => [...new Set(items)];
