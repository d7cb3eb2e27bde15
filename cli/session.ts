import path from "node:path";
import { Problems, problem } from "../core/problems";
import type { StackTarget } from "./pulumi/commands";

/** The options that verbs share, as commander hands them over. */
export interface SharedOptions {
  stack?: string;
  configFile?: string;
  nonInteractive?: boolean;
  json?: boolean;
  yes?: boolean;
}

/** Who called, from where, and how to answer. */
export interface Session extends StackTarget {
  /** The folder that the command was called in; paths in options are relative to it. */
  from: string;
  json: boolean;
  /** Answers every question with yes. */
  yes: boolean;
}

export function openSession(options: SharedOptions, from: string, hasTerminal: boolean): Session {
  return {
    from,
    ...(options.stack === undefined ? {} : { stack: options.stack }),
    ...(options.configFile === undefined ? {} : { configFile: path.resolve(from, options.configFile) }),
    interactive: !options.nonInteractive && hasTerminal && !options.json,
    json: options.json ?? false,
    yes: options.yes ?? false,
  };
}

/** @throws Problems when a verb has to ask and nobody can answer. */
export function mustBeApproved({ yes, interactive }: Session): void {
  if (yes || interactive) return;
  throw new Problems([problem("--yes", "is missing, and nobody can be asked here", "add it")]);
}
