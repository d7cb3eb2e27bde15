/** The arguments of every `pulumi` command that is run. Nothing here runs anything, and no secret is ever an argument. */

/** The stack to act on; without a name, the selected one. */
export interface StackTarget {
  stack?: string;
  /** The file with the stack's configuration, absolute; default `Pulumi.<stack>.yaml`. */
  configFile?: string;
  /** Whether Pulumi may ask questions. */
  interactive: boolean;
}

export interface UpOptions {
  /** Skips the confirmation, and the preview that only serves it. */
  approved: boolean;
  /** The file to which Pulumi writes its events, as JSON. */
  eventLog?: string;
  /** The types of the components to update; default: all. */
  only?: readonly string[];
  /** Passed on as they are. */
  more?: readonly string[];
}

export const up = (
  target: StackTarget,
  { approved, eventLog, only = [], more = [] }: UpOptions,
): string[] => [
  "up",
  ...common(target),
  ...configFile(target),
  ...(approved ? ["--yes", "--skip-preview"] : []),
  ...only.flatMap((type) => ["--target", `**${type}**`]),
  ...logged(eventLog),
  ...more,
];

export const preview = (
  target: StackTarget,
  { json, eventLog, more = [] }: { json: boolean; eventLog?: string; more?: readonly string[] },
): string[] => [
  "preview",
  ...common(target),
  ...configFile(target),
  ...(json ? ["--json"] : []),
  ...logged(eventLog),
  ...more,
];

/** Prints the stack's configuration as JSON, with secrets only on request. */
export const readConfig = (target: StackTarget, { secrets }: { secrets: boolean }): string[] => [
  "config",
  ...common({ ...target, interactive: false }),
  ...configFile(target),
  "--json",
  ...(secrets ? ["--show-secrets"] : []),
];

/** @param path - below `everfresh:`, such as `hosts[0].address` */
export const setConfig = (target: StackTarget, path: string, value: string): string[] => [
  "config",
  "set",
  ...common({ ...target, interactive: false }),
  ...configFile(target),
  ...typed(path, value),
];

/** The value is read from stdin. */
export const setSecret = (target: StackTarget, path: string): string[] => [
  "config",
  "set",
  ...common({ ...target, interactive: false }),
  ...configFile(target),
  "--secret",
  "--path",
  `everfresh:${path}`,
];

export const removeConfig = (target: StackTarget, path: string): string[] => [
  "config",
  "rm",
  ...common({ ...target, interactive: false }),
  ...configFile(target),
  "--path",
  `everfresh:${path}`,
];

export const outputs = (target: StackTarget): string[] => [
  "stack",
  "output",
  ...common({ ...target, interactive: false }),
  "--json",
];

/** Prints the name of the selected stack. */
export const selectedStack = (): string[] => ["stack", "--show-name", "--non-interactive"];

/** Selects a stack, and creates it if there is none of that name. */
export const selectStack = ({ stack, interactive }: StackTarget & { stack: string }): string[] => [
  "stack",
  "select",
  ...(interactive ? [] : ["--non-interactive"]),
  "--create",
  "--",
  stack,
];

const common = ({ stack, interactive }: StackTarget): string[] => [
  ...(stack === undefined ? [] : ["--stack", stack]),
  ...(interactive ? [] : ["--non-interactive"]),
];

const configFile = ({ configFile }: StackTarget): string[] =>
  configFile === undefined ? [] : ["--config-file", configFile];

const logged = (eventLog: string | undefined): string[] =>
  eventLog === undefined ? [] : ["--event-log", eventLog];

/** Inside a structure, Pulumi guesses the type of a value: a host named `1` would become a number. */
function typed(path: string, value: string): string[] {
  const inside = /[.[]/.test(path);
  const guessed = !/\.(port|insecure)$/.test(path) && /^(true|false|[\d.eE+-]+)$/.test(value);
  return [
    ...(inside && guessed ? ["--type", "string"] : ["--plaintext"]),
    ...(inside ? ["--path"] : []),
    "--",
    `everfresh:${path}`,
    value,
  ];
}

export const version = (): string[] => ["version"];
