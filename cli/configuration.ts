import { existsSync } from "node:fs";
import * as v from "valibot";
import { readCompose } from "../adapters/compose";
import { readStackConfig } from "../adapters/stack-file";
import { projectNameOf } from "../core/compose/document";
import { parseJson } from "../core/parse";
import { Problems, problem } from "../core/problems";
import { parseSettings, type Settings } from "../core/settings";
import { readConfig } from "./pulumi/commands";
import { ask } from "./pulumi/run";
import type { Session } from "./session";
import { stackFile } from "./stack-file";

/** `pulumi config --json`, by key. */
const ConfigJson = v.record(
  v.string(),
  v.object({ value: v.optional(v.string()), objectValue: v.optional(v.unknown()) }),
);

/** The stack's configuration as `pulumi config --json` prints it, without the namespace; an empty text is not set. */
export function readRaw(json: string): Record<string, unknown> {
  const printed = v.safeParse(ConfigJson, parseJson(json, "pulumi config", "look at what it prints"));
  if (!printed.success)
    throw new Problems([problem("pulumi config", "prints no configuration", "look at what it prints")]);
  const entries = Object.entries(printed.output).flatMap(([key, { value, objectValue }]) => {
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
  return parseSettings(readRaw(await askConfig(session, { secrets: true })));
}

/** @throws Problems in pulumi's words; where the stack's file is the reason, in ours, which quote nothing of it. */
async function askConfig(session: Session, which: { secrets: boolean }): Promise<string> {
  try {
    return await ask(readConfig(session, which));
  } catch (error) {
    mustHaveReadableFile(session);
    throw error;
  }
}

/** @throws Problems when the stack's configuration is in a file that cannot be read, of which Pulumi would show a part. */
export function mustHaveReadableFile(session: Session): void {
  const file = stackFile(session);
  if (file !== undefined && existsSync(file)) readStackConfig(file);
}

/** One value of the configuration that is no secret; undefined when it is not set. */
export async function readSetting(session: Session, key: string): Promise<string | undefined> {
  const value = readRaw(await askConfig(session, { secrets: false }))[key];
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
