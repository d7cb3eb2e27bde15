import { existsSync } from "node:fs";
import * as v from "valibot";
import { readCompose } from "../adapters/compose";
import { readStackConfig } from "../adapters/stack-file";
import { projectNameOf } from "../core/compose/document";
import { parseJson } from "../core/parse";
import { Problems, problem } from "../core/problems";
import { parseSettings, type Settings } from "../core/settings";
import { readConfig, selectedStack } from "./pulumi/commands";
import { ask } from "./pulumi/run";
import type { Session } from "./session";
import { stackFile } from "./stack-file";

/** `pulumi config --json`, by key. */
const ConfigJson = v.record(
  v.string(),
  v.object({ value: v.optional(v.string()), objectValue: v.optional(v.unknown()) }),
);

const seeOutput = "run `pulumi config --json` to see its output";

/** Parses the output of `pulumi config --json`. Keys lose their namespace, and an empty string counts as not set. */
export function readRaw(json: string): Record<string, unknown> {
  const printed = v.safeParse(ConfigJson, parseJson(json, "pulumi config", seeOutput));
  if (!printed.success) throw new Problems([problem("pulumi config", "prints no configuration", seeOutput)]);
  const entries = Object.entries(printed.output).flatMap(([key, { value, objectValue }]) => {
    const name = /^everfresh:(.+)$/.exec(key)?.[1];
    return name === undefined || value === "" ? [] : [[name, objectValue ?? value] as const];
  });
  return Object.fromEntries(entries);
}

/**
 * The stack's validated configuration, including secrets.
 *
 * @throws Problems with everything that is wrong with it.
 */
export async function readSettings(session: Session): Promise<Settings> {
  return parseSettings(readRaw(await askConfig(session, { secrets: true })));
}

/** @throws Problems in pulumi's words. If the stack's file is the cause, the message is ours and quotes nothing from the file. */
async function askConfig(session: Session, which: { secrets: boolean }): Promise<string> {
  try {
    return await ask(readConfig(session, which));
  } catch (error) {
    mustHaveReadableFile(session);
    throw error;
  }
}

/** @throws Problems when the stack's configuration file cannot be read. Pulumi's own message would quote part of it. */
export function mustHaveReadableFile(session: Session): void {
  const file = stackFile(session);
  if (file !== undefined && existsSync(file)) readStackConfig(file);
}

/** The path of the stack's configuration file, which need not exist. */
export async function configurationFile(session: Session): Promise<string> {
  return stackFile(session) ?? stackFile({ stack: (await ask(selectedStack())).trim() })!;
}

/** The values in the stack's own file, by key, as text; undefined if they are not there. */
export async function readOwnSettings(
  session: Session,
  keys: readonly string[],
): Promise<Record<string, string | undefined>> {
  const file = await configurationFile(session);
  const config = existsSync(file) ? readStackConfig(file) : {};
  const values = keys.map((key) => config[`everfresh:${key}`]);
  return Object.fromEntries(
    keys.map((key, i) => [key, values[i] === undefined ? undefined : String(values[i])]),
  );
}

/** The configuration as it is set, without secrets and unchecked, with the defaults of Pulumi.yaml. */
export async function readPlainSettings(session: Session): Promise<Record<string, unknown>> {
  return readRaw(await askConfig(session, { secrets: false }));
}

/** The name of the compose project on the hosts. */
export async function projectName(settings: Settings): Promise<string> {
  if (settings.projectName !== undefined) return settings.projectName;
  return projectNameOf(await readCompose(settings));
}

/** @throws Problems when the stack is pinned to a release, because then the working tree would not be deployed. */
export function mustFollowWorkingTree({ release }: Readonly<Record<string, unknown>>, verb: string): void {
  if (release === undefined) return;
  throw new Problems([
    problem(
      "everfresh:release",
      `the stack is pinned to release ${release}, so ${verb} would not deploy the working tree`,
      "return to the working tree with `everfresh rollback --clear`, or prove the pinned release again with `pulumi up`",
    ),
  ]);
}
