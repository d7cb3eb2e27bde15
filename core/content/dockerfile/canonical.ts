import { originNames } from "./origins";
import type { Origin, Plan, Stage, StageInstruction } from "./plan";
import { type Instruction, jsonList } from "./read";
import { splitWords } from "./variables";

/** An instruction in its hashed form. */
export interface CanonicalInstruction {
  /** Keyword, flags, and what follows them. */
  text: string;
  /** What it begins with, copies from or mounts; stages are named by index. */
  from?: string[];
  /** For each: name, content, and whether variables in it are replaced. */
  heredocs?: (string | boolean)[][];
}

/**
 * A plan's instructions without anything that cannot reach the image: comments, line breaks, stage names, and container
 * settings (CMD, LABEL, …) of stages that files are only copied from.
 */
export function canonical(plan: Plan, escapeChar: string): CanonicalInstruction[] {
  const globals = plan.globals.map(({ name, value }) => ({
    text: `ARG ${name}${value === undefined ? "" : `=${value}`}`,
  }));
  return [...globals, ...plan.stages.flatMap((stage) => stageText(stage, escapeChar))];
}

function stageText(stage: Stage, escapeChar: string): CanonicalInstruction[] {
  const from = stage.from.kind === "image" ? `image ${stage.written}` : originText(stage.from);
  const kept = stage.base
    ? stage.instructions
    : stage.instructions.filter((i) => !ABOUT_CONTAINERS.has(i.keyword));
  return [
    { text: ["FROM", ...stage.flags].join(" "), from: [from] },
    ...kept.map((instruction) => instructionText(instruction, escapeChar)),
  ];
}

function instructionText(instruction: StageInstruction, escapeChar: string): CanonicalInstruction {
  const { keyword, flags, heredocs, origins } = instruction;
  const names = originNames(instruction);
  const shown = flags
    .filter((flag) => !(keyword === "COPY" && flag.startsWith("--from=")))
    .map((flag) => (names.length > 0 ? flag.replace(/(?<=[=,]from=)[^,]*/i, "") : flag));
  return {
    text: [keyword, ...shown, argumentText(instruction, escapeChar)].filter((part) => part !== "").join(" "),
    ...(origins.length > 0 && { from: origins.map(originText) }),
    ...(heredocs.length > 0 && {
      heredocs: heredocs.map(({ name, content, expand }) => [name, content, expand]),
    }),
  };
}

/** An instruction's text, with insignificant whitespace reduced to one space. */
function argumentText({ keyword, text }: Instruction, escapeChar: string): string {
  const list = EXEC_FORM.has(keyword) ? jsonList(text) : undefined;
  if (list) return JSON.stringify(list);
  if (PLAIN_WORDS.has(keyword)) return text.replace(/[\t\v\f\r ]+/g, " ");
  const words = QUOTED_WORDS.has(keyword) ? splitWords(text, escapeChar) : [];
  // `ENV name value` is one value, with all its spaces.
  return keyword === "ARG" || words[0]?.includes("=") ? words.join(" ") : text;
}

function originText(origin: Origin): string {
  switch (origin.kind) {
    case "scratch":
      return "scratch";
    case "stage":
      return `stage ${origin.index}`;
    case "context":
      return `context ${origin.name}`;
    case "image":
      return `image ${origin.image}`;
  }
}

const EXEC_FORM = new Set(["ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"]);
const PLAIN_WORDS = new Set(["ADD", "COPY", "EXPOSE"]);
const QUOTED_WORDS = new Set(["ARG", "ENV", "LABEL"]);
const ABOUT_CONTAINERS = new Set([
  "CMD",
  "ENTRYPOINT",
  "EXPOSE",
  "HEALTHCHECK",
  "LABEL",
  "MAINTAINER",
  "STOPSIGNAL",
  "VOLUME",
]);
