/** What a search found in one container. */
export type SearchResult =
  /** `files`: at most 100 of the `matching` ones. `count`: lines that contain the text, or how often one of several lines occurs. */
  | { result: "found"; count: number; matching: number; files: { path: string; count: number }[] }
  | { result: "not found"; searched: number }
  | { result: "no such path" }
  /** Nothing was searched. */
  | { result: "too large"; mib: number };

/** Parses what `search` in remote/search.sh prints after the facts, by container. Lines that cannot be read are left out. */
export function parseSearch(lines: readonly string[]): Map<string, SearchResult> {
  const results = new Map<string, SearchResult>();
  const files = new Map<string, { path: string; count: number }[]>();
  for (const line of lines) {
    const [kind, container, ...rest] = line.split("|");
    if (container === undefined) continue;
    const [first = 0, second = 0, third = 0] = rest.map(Number);
    switch (kind) {
      case "found":
        files.set(container, [
          ...(files.get(container) ?? []),
          { path: rest.slice(1).join("|"), count: first },
        ]);
        break;
      case "searched":
        results.set(
          container,
          first > 0
            ? { result: "found", count: second, matching: first, files: files.get(container) ?? [] }
            : { result: "not found", searched: third },
        );
        break;
      case "missing":
        results.set(container, { result: "no such path" });
        break;
      case "large":
        results.set(container, { result: "too large", mib: Math.ceil(first / 1024) });
        break;
    }
  }
  return results;
}

/** The result of one check of `x-everfresh.verify`. */
export interface CheckResult {
  service: string;
  /** Such as `http /health`. */
  check: string;
  passed: boolean;
  problem?: string;
  /** The container that failed. */
  container?: string;
}

/** Parses what `verify` in remote/checks.sh prints after the facts. */
export function parseChecks(lines: readonly string[]): CheckResult[] {
  return lines.flatMap((line) => {
    const [kind, service, check, problem, container] = line.split("|");
    if (kind !== "check" || !service || check === undefined) return [];
    return [
      {
        service,
        check,
        passed: !problem,
        ...(problem ? { problem } : {}),
        ...(problem && container ? { container } : {}),
      },
    ];
  });
}
