import type { ContentIdentity, ContextSurvey, Unseen, Weight } from "../core/content";
import { printable } from "../core/printable";
import { count, type Paint, table } from "./terminal";

/** How many lines of a list are shown. */
const shown = 8;

export interface Explanation {
  service: string;
  identity: ContentIdentity;
  contexts: readonly ContextSurvey[];
  /** What changed since the stack last built it, in words, or why that is not known. */
  since: string;
}

/** Renders an identity for people. */
export function renderExplanation(
  { service, identity, contexts, since }: Explanation,
  paint: Paint,
): string[] {
  const { content, wholeContext, reasons, inputs, ignoreFiles } = identity;
  const inputLines = Object.entries(inputs)
    .filter(([, value]) => !isEmpty(value))
    .map(([name, value]) => [`  ${name}`, abridged(value)]);
  return [
    `${paint("bold", service)}: content ${content}`,
    "",
    `since the stack's last build: ${printable(since)}`,
    "",
    paint("bold", "what counts"),
    ...contexts.map((context) => countedLine(context, wholeContext)),
    ...reasons.map((reason) => `  the whole context: ${printable(reason)}`),
    ...ignoreFiles.map(
      ({ path, context }) => `  without what ${printable(context ? `${context}: ${path}` : path)} ignores`,
    ),
    ...table(inputLines),
    "",
    paint("bold", "what makes it large"),
    ...heaviest(contexts.flatMap((context) => context.heaviest.map((weight) => weightRow(weight, context)))),
    "",
    paint("bold", "what the build does not see"),
    ...heaviest(contexts.flatMap((context) => context.unseen.map((unseen) => unseenRow(unseen, context)))),
  ];
}

function countedLine({ name, counted }: ContextSurvey, wholeContext: boolean): string {
  const amount = `  ${count(counted.files, "file")} of the context`;
  if (name !== undefined) return `${amount} ${printable(name)}, ${size(counted.bytes)}`;
  return `${amount}, ${size(counted.bytes)}${wholeContext ? "" : " (only what the Dockerfile reads)"}`;
}

interface Row {
  bytes: number;
  cells: string[];
}

function weightRow({ path, files, bytes }: Weight, { name }: ContextSurvey): Row {
  const where = name === undefined ? path : `${name}: ${path}`;
  return { bytes, cells: [`  ${where}`, size(bytes), path.endsWith("/") ? count(files, "file") : ""] };
}

function unseenRow(unseen: Unseen, context: ContextSurvey): Row {
  const { bytes, cells } = weightRow(unseen, context);
  return { bytes, cells: [...cells, unseen.why] };
}

function heaviest(rows: Row[]): string[] {
  if (rows.length === 0) return ["  nothing"];
  const sorted = rows.sort((a, b) => b.bytes - a.bytes).map(({ cells }) => cells);
  const rest = sorted.length - shown;
  return [...table(sorted.slice(0, shown)), ...(rest > 0 ? [`  and ${rest} more`] : [])];
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0);

function abridged(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 90 ? `${text.slice(0, 89)}…` : text;
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
