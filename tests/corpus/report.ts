import type { Outcome } from "./check";

export interface Result {
  /** The compose file, as people name it. */
  project: string;
  outcome: Outcome;
}

/** A reason, how many projects it stops, and one of its lines. */
export interface Reason {
  reason: string;
  projects: number;
  example: string;
}

export interface Report {
  projects: number;
  accepted: number;
  refused: { projects: number; reasons: Reason[] };
  wrong: { project: string; differences: readonly string[] }[];
  /** What docker compose itself does not read; no part of the shares. */
  unreadable: { projects: number; reasons: Reason[] };
}

export function report(results: readonly Result[]): Report {
  const of = <K extends Outcome["kind"]>(kind: K) =>
    results.flatMap(({ project, outcome }) =>
      outcome.kind === kind ? [{ project, ...(outcome as Extract<Outcome, { kind: K }>) }] : [],
    );
  const refused = of("refused");
  const unreadable = of("unreadable");
  return {
    projects: results.length,
    accepted: of("accepted").length,
    refused: {
      projects: refused.length,
      reasons: reasons(
        refused.flatMap(({ project, problems }) => problems.map((line) => ({ project, line }))),
      ),
    },
    wrong: of("wrong").map(({ project, differences }) => ({ project, differences })),
    unreadable: {
      projects: unreadable.length,
      reasons: reasons(unreadable.map(({ project, reason }) => ({ project, line: reason }))),
    },
  };
}

/** Lines of one form are one reason, the most frequent first. */
function reasons(lines: readonly { project: string; line: string }[]): Reason[] {
  const groups = new Map<string, { projects: Set<string>; example: string }>();
  for (const { project, line } of lines) {
    const form = formOf(line);
    const group = groups.get(form) ?? { projects: new Set(), example: `${project}: ${line}` };
    group.projects.add(project);
    groups.set(form, group);
  }
  return [...groups]
    .map(([reason, { projects, example }]) => ({ reason, projects: projects.size, example }))
    .sort((a, b) => b.projects - a.projects);
}

/** A line without what only one project has: names, paths, numbers; and without what to do. */
export function formOf(line: string): string {
  const [where, ...rest] = line.split(": ");
  const setting = where!
    .replace(/ \([^)]*\)$/, "")
    // A name may have dots in it.
    .replace(
      /^services\..+?\.(?=(build|command|configs|environment|labels|networks|ports|secrets|volumes|x-everfresh)\b)/,
      "services.*.",
    )
    .replace(/^(services)\.[^.*]+/, "$1.*")
    .replace(/^(configs|secrets|networks|volumes)\.[^.]+/, "$1.*")
    .replace(/^(services\.\*\.build\.args)\..*/, "$1.*");
  const what = (rest.length > 0 ? rest.join(": ") : "").split("; ")[0]!;
  return [setting, what]
    .filter((part) => part !== "")
    .join(": ")
    .replace(/`[^`]*`|"(?:[^"\\]|\\.)*"/g, "…")
    .replace(/(^|\s)\.{0,2}\/[^\s,;:]+|(^|(?<=\s))\.{1,2}(?=\s)/g, "$1…")
    .replace(/ by \S+ (?=as well)/, " by … ")
    .replace(/\d+/g, "…");
}

/** The report as people read it. */
export function table({ projects, accepted, refused, wrong, unreadable }: Report): string {
  const read = projects - unreadable.projects;
  const share = (count: number) => (read === 0 ? "" : ` (${((100 * count) / read).toFixed(1)} %)`);
  const listed = ({ reasons }: { reasons: Reason[] }) =>
    reasons.flatMap(({ reason, projects, example }) => [
      `  ${String(projects).padStart(4)}  ${reason}`,
      `        ${example}`,
    ]);
  return [
    `${projects} projects, of which docker compose reads ${read}`,
    `accepted: ${accepted}${share(accepted)}`,
    `refused: ${refused.projects}${share(refused.projects)}`,
    ...listed(refused),
    `wrong: ${wrong.length}${share(wrong.length)}`,
    ...wrong.flatMap(({ project, differences }) => [
      `  ${project}`,
      ...differences.map((line) => `    ${line}`),
    ]),
    `not read by docker compose: ${unreadable.projects}`,
    ...listed(unreadable),
  ].join("\n");
}
