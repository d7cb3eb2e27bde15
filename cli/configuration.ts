import { readCompose } from "../adapters/compose";
import { projectNameOf } from "../core/compose/document";
import { Problems, problem } from "../core/problems";
import { parseSettings, type Settings } from "../core/settings";
import { readConfig } from "./pulumi/commands";
import { ask } from "./pulumi/run";
import type { Session } from "./session";

/** `pulumi config --json`, by key. */
type ConfigJson = Record<string, { value?: string; objectValue?: unknown; secret: boolean }>;

/** The stack's configuration as `pulumi config --json` prints it, without the namespace; an empty text is not set. */
export function readRaw(json: string): Record<string, unknown> {
  const entries = Object.entries(JSON.parse(json) as ConfigJson).flatMap(([key, { value, objectValue }]) => {
    const name = /^everfresh:(.+)$/.exec(key)?.[1];
    return name === undefined || value === "" ? [] : [[name, objectValue ?? value] as const];
  });
  return Object.fromEntries(entries);
}

/**
 * The stack's configuration, checked, secrets included.
 *
 * @throws Problems with everything that is wrong with it.
 */
export async function readSettings(session: Session): Promise<Settings> {
  return parseSettings(readRaw(await ask(readConfig(session, { secrets: true }))));
}

/** One value of the configuration that is no secret; undefined when it is not set. */
export async function readSetting(session: Session, key: string): Promise<string | undefined> {
  const value = readRaw(await ask(readConfig(session, { secrets: false })))[key];
  return value === undefined ? undefined : String(value);
}

/** The name of the compose project on the hosts. */
export async function projectName(settings: Settings): Promise<string> {
  if (settings.projectName !== undefined) return settings.projectName;
  return projectNameOf(await readCompose(settings));
}

/** @throws Problems when the stack is pinned to a release: then the working tree is not what would be deployed. */
export async function mustFollowWorkingTree(session: Session, verb: string): Promise<void> {
  const release = await readSetting(session, "release");
  if (release === undefined) return;
  throw new Problems([
    problem(
      "everfresh:release",
      `the stack is pinned to release ${release}, so ${verb} would not deploy the working tree`,
      "go back to it with `everfresh rollback --clear`, or prove the pinned release again with `pulumi up`",
    ),
  ]);
}
