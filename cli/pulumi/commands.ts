/** The arguments of every `pulumi` command that is run. Nothing here runs anything, and no secret is ever an argument. */

/** The stack to act on; without a name, the selected one. */
export interface StackTarget {
  stack?: string;
  /** The file with the stack's configuration, absolute; default `Pulumi.<stack>.yaml`. */
  configFile?: string;
  /** Whether Pulumi may ask questions. */
  interactive: boolean;
}

export interface RunOptions {
  /** The file to which Pulumi writes its events, as JSON. */
  eventLog?: string;
  /** Values by their keys below `everfresh:`. Pulumi also saves them in the configuration's file. */
  config?: Readonly<Record<string, string>>;
  /** Passed on as they are. */
  more?: readonly string[];
}

export interface UpOptions extends RunOptions {
  /** Skips the confirmation, and the preview that only serves it. */
  approved: boolean;
  /** The types of the components to update; default: all. */
  only?: readonly string[];
}

export const up = (
  target: StackTarget,
  { approved, eventLog, config = {}, only = [], more = [] }: UpOptions,
): string[] => [
  "up",
  ...common(target),
  ...configFile(target),
  ...configured(config),
  ...(approved ? ["--yes", "--skip-preview"] : []),
  ...only.flatMap((type) => ["--target", `**${type}**`]),
  ...logged(eventLog),
  ...more,
];

export const preview = (
  target: StackTarget,
  { json, eventLog, config = {}, more = [] }: RunOptions & { json: boolean },
): string[] => [
  "preview",
  ...common(target),
  ...configFile(target),
  ...configured(config),
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

/** Sets several values at once. @param values - by their keys below `everfresh:`, which have no path */
export const setAllConfig = (target: StackTarget, values: Readonly<Record<string, string>>): string[] => [
  "config",
  "set-all",
  ...common({ ...target, interactive: false }),
  ...configFile(target),
  ...Object.entries(values).flatMap(([key, value]) => ["--plaintext", `everfresh:${key}=${value}`]),
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

export const removeAllConfig = (target: StackTarget, keys: readonly string[]): string[] => [
  "config",
  "rm-all",
  ...common({ ...target, interactive: false }),
  ...configFile(target),
  "--",
  ...keys.map((key) => `everfresh:${key}`),
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

const configured = (config: Readonly<Record<string, string>>): string[] =>
  Object.entries(config).flatMap(([key, value]) => ["--config", `everfresh:${key}=${value}`]);

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
