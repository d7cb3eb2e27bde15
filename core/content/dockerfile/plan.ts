import { own } from "../../records";
import type { Instruction } from "./read";
import type { Assignment } from "./variables";

/** The part of a Dockerfile that a target needs. */
export interface Plan {
  /** In the order of the file. */
  stages: Stage[];
  /** The target's name, as the builder passes it in `TARGETSTAGE`. */
  target: string;
  /** Its place in {@link stages}. */
  targetIndex: number;
  /** The ARG instructions before the first FROM that something needs. */
  globals: Assignment[];
}

/** A stage that the target needs. */
export interface Stage {
  /** Its place among the needed stages, from 0. Replaces the stage's name, which reaches no image. */
  index: number;
  from: Origin;
  /** What the FROM line names, with variables unreplaced. */
  written: string;
  /** The flags of the FROM line. */
  flags: string[];
  line: number;
  /** The ONBUILD instructions of the stage it is built upon, then its own. */
  instructions: StageInstruction[];
  /** Whether the target is built upon it. Otherwise files are only copied from it or mounted. */
  base: boolean;
}

export interface StageInstruction extends Instruction {
  /** What `--from` or the `from=` of each mount names, in order. */
  origins: Origin[];
}

/** Where a stage begins or a file is copied from. */
export type Origin =
  | { kind: "scratch" }
  | { kind: "stage"; index: number }
  | { kind: "context"; name: string }
  | { kind: "image"; image: string };

export interface PlanOptions {
  args: Record<string, string | null>;
  target?: string;
  platform?: string;
  /** Names of the named contexts. */
  contexts: string[];
  /** The images of those named contexts that are images. */
  contextImages?: Record<string, string>;
  /** ONBUILD instructions of images that stages begin with; undefined if unknown. */
  onBuild?: Record<string, string[] | undefined>;
}

/** The image that a stage begins with, directly or through a named context. */
export function imageBehind(from: Origin, { contextImages }: PlanOptions): string | undefined {
  if (from.kind === "context") return own(contextImages, from.name);
  return from.kind === "image" ? from.image : undefined;
}
