import assert from "node:assert/strict";
import type { ComposeProject } from "../../../../core/compose/project";
import { readProject } from "../../../../core/compose/read-project";
import { Problems } from "../../../../core/problems";
import { printed } from "../../../support/compose";

export type Node = Record<string, unknown>;
export const folder = "/srv/shop";

/** Reads services as `docker compose config` prints them; `written` is the same as its author wrote it. */
export function read(
  services: Node,
  more: Node = {},
  written: Node = services,
  environment = {},
): ComposeProject {
  return readProject({
    ...printed({ name: "shop", services, ...more }, { services: written }),
    folder,
    environment,
  });
}

/** The one service that is read from this. */
export const readService = (node: Node, more: Node = {}) => read({ web: node }, more).services[0]!;

export const assertRefused = (problems: string[], node: Node, more: Node = {}) =>
  assert.throws(() => readService(node, more), new Problems(problems));
