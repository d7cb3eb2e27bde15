import * as v from "valibot";
import { Problems, problem } from "../core/problems";
import type { HostAnswer } from "./hosts";
import { moment, type Paint, table } from "./terminal";

/** One line of a host's ledger: one deployment. */
export interface LedgerEntry {
  deployment: string;
  release: string;
  /** When it began; RFC 3339, UTC, the host's clock. */
  at: string;
  /** `deployed`, `unchanged`, `put back`, `failed`, `broken`, `cut off`. */
  outcome: string;
  who?: string;
  from?: string;
  stack?: string;
  tag?: string;
  commit?: string;
  dirty?: boolean;
  services?: Record<string, { content: string; digest: string }>;
  /** Seconds per phase. */
  seconds?: Record<string, number>;
  /** Bytes. */
  pulled?: number;
  /** The check that failed, and of which service. */
  check?: string;
  service?: string;
}

const text = v.string();
/** A damaged member is left out. */
const orNothing = <T extends v.GenericSchema>(schema: T) => v.fallback(v.optional(schema), undefined);
const ledgerLine = v.pipe(
  text,
  v.parseJson(),
  v.object({
    deployment: v.fallback(text, ""),
    release: v.pipe(text, v.regex(/^[a-z0-9][a-z0-9-]*$/)),
    at: text,
    outcome: text,
    who: orNothing(text),
    from: orNothing(text),
    stack: orNothing(text),
    tag: orNothing(text),
    commit: orNothing(text),
    dirty: orNothing(v.boolean()),
    services: orNothing(v.record(text, v.object({ content: text, digest: text }))),
    seconds: orNothing(v.record(text, v.pipe(v.number(), v.finite()))),
    pulled: orNothing(v.pipe(v.number(), v.finite())),
    check: orNothing(text),
    service: orNothing(text),
  }),
);

/** Reads a ledger, oldest first. Lines that are damaged, or cut off by a kill or a full disk, are skipped. */
export function readLedger(ledger: string): LedgerEntry[] {
  return ledger.split("\n").flatMap((line) => {
    const entry = v.safeParse(ledgerLine, line);
    return entry.success ? [entry.output as LedgerEntry] : [];
  });
}

/** The proved releases in order. Returning to an earlier one drops the ones after it. */
export function lineOf(ledger: readonly LedgerEntry[]): string[] {
  const line: string[] = [];
  for (const { release, outcome } of ledger) {
    if (outcome !== "deployed") continue;
    const known = line.indexOf(release);
    if (known >= 0) line.splice(known + 1);
    else line.push(release);
  }
  return line;
}

/** What a rollback needs to know about a host. */
export interface HostHistory {
  /** The release that runs. */
  current?: string;
  ledger: LedgerEntry[];
  /** How many proved releases the host keeps: the setting `keepReleases`. */
  keepReleases: number;
}

/**
 * The release to roll back to: the one asked for, else the one before the current one. Two rollbacks go two steps back. A
 * release that was rolled back from is only found by its id.
 *
 * @throws Problems when there is none, or the hosts do not agree.
 */
export function rollbackTarget(hosts: Record<string, HostHistory>, asked?: string): string {
  const names = Object.keys(hosts);
  if (asked !== undefined) {
    const missing = names.filter((name) => !proved(hosts[name]!).includes(asked));
    if (missing.length === 0) return asked;
    throw new Problems([
      problem(
        `release ${asked}`,
        `it never ran on ${missing.join(", ")}`,
        `choose one of: ${keptOnAll(hosts).join(", ") || "none"} (\`everfresh history\`)`,
      ),
    ]);
  }
  const targets = names.map((name) => before(hosts[name]!));
  const [target] = targets;
  if (target !== undefined && targets.every((other) => other === target)) return target;
  throw new Problems([
    targets.every((each) => each === undefined)
      ? problem("rollback", "there is no release before the current one", "see `everfresh history`")
      : problem(
          "rollback",
          `the hosts had different releases before (${names.map((name, i) => `${name}: ${targets[i] ?? "none"}`).join(", ")})`,
          `name one of: ${keptOnAll(hosts).join(", ") || "none"}`,
        ),
  ]);
}

function before({ current, ledger }: HostHistory): string | undefined {
  const line = lineOf(ledger);
  const at = current === undefined ? -1 : line.indexOf(current);
  // The current release was put back after a failure, or its line in the ledger is lost: take the last proved one.
  return at >= 0 ? line[at - 1] : line.at(-1);
}

const proved = ({ ledger }: HostHistory) => [
  ...new Set(ledger.filter(({ outcome }) => outcome === "deployed").map(({ release }) => release)),
];

/** The releases that a host keeps: those it proved last (remote/prune.sh), oldest first. */
const kept = (host: HostHistory) =>
  proved({ ...host, ledger: host.ledger.toReversed() })
    .slice(0, host.keepReleases)
    .reverse();

const keptOnAll = (hosts: Record<string, HostHistory>) =>
  Object.values(hosts)
    .map(kept)
    .reduce((all, each) => all.filter((release) => each.includes(release)));

/** The last deployments for people, newest first. */
export function renderHistory(
  answers: readonly HostAnswer<LedgerEntry[]>[],
  limit: number,
  paint: Paint,
): string[] {
  return answers.flatMap((answer) => {
    const title = answers.length > 1 ? [paint("bold", `${answer.name}:`)] : [];
    if ("problems" in answer) return [...title, ...answer.problems];
    if (answer.value.length === 0) return [...title, `${answer.name}: nothing was deployed yet`];
    const hidden = Math.max(0, answer.value.length - limit);
    const rows = answer.value.slice(hidden).map((entry, i) => row(entry, answer.value.slice(0, hidden + i)));
    const [head, ...body] = table([
      ["began", "release", "tag", "outcome", "seconds", "pulled", "by"],
      ...rows.reverse(),
    ]);
    return [...title, paint("dim", head!), ...body];
  });
}

function row(entry: LedgerEntry, earlier: readonly LedgerEntry[]): string[] {
  const { at, release, tag, outcome, seconds, pulled, service, check, who, from } = entry;
  const line = lineOf(earlier);
  const back = outcome === "deployed" && line.includes(release) && line.at(-1) !== release;
  const fault = [service, check].filter(Boolean).join(": ");
  return [
    moment(at),
    release,
    tag ?? "",
    back ? "deployed (rollback)" : fault ? `${outcome} (${fault})` : outcome,
    seconds
      ? Object.values(seconds)
          .reduce((sum, each) => sum + each, 0)
          .toFixed(1)
      : "",
    pulled === undefined ? "" : `${(pulled / 1e6).toFixed(1)} MB`,
    `${who ?? "?"} on ${from ?? "?"}`,
  ];
}
