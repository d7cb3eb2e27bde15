import { own } from "../records";
import type { ContentFile, ContentIdentity } from "./types";

/** One thing that differs between two identities. */
export type Change =
  /** Only the way of identifying contents. */
  | { kind: "scheme" }
  | { kind: "file"; how: FileChange; path: string; context?: string; detail?: string }
  | { kind: "ignore"; path: string; context?: string }
  | { kind: "input"; input: string; how: InputChange; key?: string; detail?: string };

type InputChange = "added" | "removed" | "changed";
type FileChange = InputChange | "mode" | "type";
type IgnoreFile = ContentIdentity["ignoreFiles"][number];

/** Everything that differs between two identities, files first. Empty if and only if the content is the same. */
export function changes(before: ContentIdentity, after: ContentIdentity): Change[] {
  if (before.content === after.content) return [];
  const found = [
    ...fileChanges(before.files, after.files),
    ...ignoreChanges(before.ignoreFiles ?? [], after.ignoreFiles),
    ...inputChanges(before.inputs, after.inputs),
  ];
  return found.length > 0 ? found : [{ kind: "scheme" }];
}

function fileChanges(before: ContentFile[], after: ContentFile[]): Change[] {
  const key = (file: ContentFile) => `${file.context ?? ""}\0${file.path}`;
  const old = new Map(before.map((file) => [key(file), file]));
  const found: Change[] = [];
  for (const file of after) {
    const was = old.get(key(file));
    old.delete(key(file));
    const at = { kind: "file", path: file.path, ...(file.context && { context: file.context }) } as const;
    if (!was) found.push({ ...at, how: "added" });
    else if (was.type !== file.type) found.push({ ...at, how: "type", detail: `${was.type} → ${file.type}` });
    else if (was.sha256 !== file.sha256) found.push({ ...at, how: "changed" });
    else if (was.mode !== file.mode)
      found.push({ ...at, how: "mode", detail: `${bits(was)} → ${bits(file)}` });
  }
  for (const file of old.values()) {
    found.push({
      kind: "file",
      path: file.path,
      ...(file.context && { context: file.context }),
      how: "removed",
    });
  }
  return found;
}

function ignoreChanges(before: IgnoreFile[], after: IgnoreFile[]): Change[] {
  const has = (list: IgnoreFile[], file: IgnoreFile) => list.some((other) => same(other, file));
  const gone = before.filter((file) => !has(after, file));
  return [
    ...after.filter((file) => !has(before, file)),
    ...gone.filter(
      ({ context, path }) => !after.some((file) => file.context === context && file.path === path),
    ),
  ].map(({ context, path }) => ({ kind: "ignore", path, ...(context !== undefined && { context }) }));
}

const bits = (file: ContentFile): string => file.mode.replace("=", "");

function inputChanges(before: Record<string, unknown>, after: Record<string, unknown>): Change[] {
  const found: Change[] = [];
  for (const input of union(before, after)) {
    const [was, is] = [before[input], after[input]];
    if (same(was, is)) continue;
    if (input === "dockerfile") {
      found.push({ kind: "input", input, how: "changed", ...instructionDetail(was, is) });
      continue;
    }
    const fields = isRecord(was) || isRecord(is) ? union(was ?? {}, is ?? {}) : undefined;
    if (!fields) found.push({ kind: "input", input, how: changeOf(was, is) });
    for (const key of fields ?? []) {
      const [a, b] = [was, is].map((value) => (isRecord(value) ? own(value, key) : undefined));
      if (!same(a, b)) found.push({ kind: "input", input, key, how: changeOf(a, b) });
    }
  }
  return found;
}

/** The new or changed instructions; if there are none, the removed ones. */
function instructionDetail(before: unknown, after: unknown): { detail?: string } {
  if (!Array.isArray(before) || !Array.isArray(after)) return {};
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && same(before[start], after[start])) start++;
  let end = 0;
  while (end < most - start && same(before.at(-1 - end), after.at(-1 - end))) end++;
  const is = after.slice(start, after.length - end);
  const texts = (is.length > 0 ? is : before.slice(start, before.length - end)).map(instructionText);
  return { detail: shortList(texts) };
}

function instructionText({ text, from }: { text: string; from?: string[] }): string {
  const line = (text === "FROM" ? `FROM ${from?.[0]?.replace(/^image /, "")}` : text).replace(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

const isRecord = (v: unknown): v is Record<string, unknown> =>
  typeof v === "object" && v !== null && !Array.isArray(v);
const union = (a: object, b: object): string[] => [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const changeOf = (a: unknown, b: unknown): InputChange =>
  a === undefined ? "added" : b === undefined ? "removed" : "changed";

const WORDS: Record<string, string> = {
  args: "build arg",
  labels: "label",
  contexts: "build context",
  baseDigests: "base image",
  dockerfile: "Dockerfile",
  extraHosts: "extra host",
};
const NAMED = 3;

/** The changes in one line: `2 files (src/page.ts, package-lock.json), build arg API_URL`. */
export function describe(changes: Change[]): string {
  if (changes.some((change) => change.kind === "scheme")) return "another version of everfresh";
  const files = changes.filter((change) => change.kind === "file").map(fileWords);
  const inputs = changes.filter((change) => change.kind === "input");
  const grouped = new Map<string, typeof inputs>();
  for (const change of inputs) grouped.set(change.input, [...(grouped.get(change.input) ?? []), change]);
  const parts =
    files.length > 0
      ? [`${files.length} ${files.length === 1 ? "file" : "files"} (${shortList(files)})`]
      : [];
  for (const change of changes) if (change.kind === "ignore") parts.push(named(change));
  for (const [input, group] of grouped) parts.push(inputWords(input, group));
  return parts.length > 0 ? parts.join(", ") : "nothing";
}

const named = ({ context, path }: { context?: string; path: string }): string =>
  context ? `${context}: ${path}` : path;

function fileWords(change: Change & { kind: "file" }): string {
  if (change.how === "changed") return named(change);
  return `${named(change)} ${change.how}${change.detail ? ` ${change.detail}` : ""}`;
}

function inputWords(input: string, group: (Change & { kind: "input" })[]): string {
  const word = WORDS[input] ?? input;
  const detail = group[0]?.detail;
  if (detail) return `${word} (${detail})`;
  const keys = group.map((change) => change.key).filter((key) => key !== undefined);
  if (keys.length === 0) return word;
  return `${word}${keys.length > 1 ? "s" : ""} ${shortList(keys)}`;
}

/** The first three, and the number of further ones. */
function shortList(names: string[]): string {
  const more = names.length - NAMED;
  return more > 0 ? `${names.slice(0, NAMED).join(", ")} and ${more} more` : names.join(", ");
}
