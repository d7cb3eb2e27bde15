import type { ContentIdentity } from "../core/content";
import { printable } from "../core/printable";
import type { ContextListing, Weight } from "./context-listing";
import { type Paint, table } from "./terminal";

/** How many lines of a list are shown. */
const shown = 8;

export interface Explanation {
  service: string;
  identity: ContentIdentity;
  listing: ContextListing;
  /** What changed since the stack built it last, in words; or why that cannot be told. */
  since: string;
}

/** An identity in the words a person acts on. */
export function renderExplanation(
  { service, identity, listing, since }: Explanation,
  paint: Paint,
): string[] {
  const { content, wholeContext, reasons, files, inputs, ignoreFiles } = identity;
  const contexts = new Set(files.flatMap(({ context }) => context ?? []));
  const inputLines = Object.entries(inputs)
    .filter(([, value]) => !isEmpty(value))
    .map(([name, value]) => [`  ${name}`, abridged(value)]);
  return [
    `${paint("bold", service)}: content ${content}`,
    "",
    `since the stack's last build: ${printable(since)}`,
    "",
    paint("bold", "what counts"),
    `  ${count(listing.counted.files, "file")} of the context, ${size(listing.counted.bytes)}${wholeContext ? "" : " (only what the Dockerfile reads)"}`,
    ...reasons.map((reason) => `  the whole context: ${printable(reason)}`),
    ...[...contexts].map(
      (name) => `  ${count(files.filter((f) => f.context === name).length, "file")} of the context ${name}`,
    ),
    ...ignoreFiles.map(
      ({ path, context }) => `  left after ${printable(context ? `${context}: ${path}` : path)}`,
    ),
    ...table(inputLines),
    "",
    paint("bold", "what makes it large"),
    ...weights(listing.heaviest, "nothing"),
    "",
    paint("bold", "in the context folder, but not seen"),
    ...weights(listing.unseen, "nothing"),
  ];
}

function weights(list: readonly Weight[], none: string): string[] {
  if (list.length === 0) return [`  ${none}`];
  const rows = list
    .slice(0, shown)
    .map(({ path, files, bytes }) => [
      `  ${path}`,
      size(bytes),
      path.endsWith("/") ? count(files, "file") : "",
    ]);
  const rest = list.length - shown;
  return [...table(rows), ...(rest > 0 ? [`  and ${rest} more`] : [])];
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0);

function abridged(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 90 ? `${text.slice(0, 89)}…` : text;
}

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
