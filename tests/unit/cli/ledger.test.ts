import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type HostHistory,
  type LedgerEntry,
  lineOf,
  readLedger,
  renderHistory,
  rollbackTarget,
} from "../../../cli/ledger";
import { Problems } from "../../../core/problems";

const entry = (release: string, outcome = "deployed"): LedgerEntry => ({
  deployment: `d-${release}`,
  release,
  at: "2026-03-01T10:00:00Z",
  outcome,
  who: "ann",
  from: "laptop",
});
const history = (line: string, current = line.at(-1)!): HostHistory => ({
  current,
  ledger: [...line].map((release) => entry(release)),
  keepReleases: 5,
});
const refused = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    if (error instanceof Problems) return error.message;
    throw error;
  }
  return assert.fail("was not refused");
};

describe("a rollback", () => {
  const table: [string, HostHistory, string][] = [
    ["takes the previous release", history("ab"), "a"],
    ["goes one step further back the second time", history("abcb"), "a"],
    ["takes the release that served before, not the one that was rolled back from", history("abcbd"), "b"],
    ["does not count a release that was deployed again", history("abb"), "a"],
    [
      "does not count a release that failed",
      {
        ...history("c"),
        ledger: [entry("a"), entry("b", "put back"), entry("b", "cut off"), entry("c")],
      },
      "a",
    ],
    ["takes the last proved release when the current one has no line in the ledger", history("ab", "x"), "b"],
  ];
  for (const [obligation, host, expected] of table) {
    it(obligation, () => assert.equal(rollbackTarget({ host1: host }), expected));
  }

  it("takes any proved release by its id", () => {
    assert.equal(rollbackTarget({ host1: history("abcb") }, "c"), "c");
  });

  it("refuses a release that did not run on every host, and lists those that did", () => {
    assert.equal(
      refused(() => rollbackTarget({ host1: history("abc"), host2: history("bc") }, "a")),
      "release a: it never ran on host2; choose one of: b, c (`everfresh history`)",
    );
  });

  it("lists only releases that every host still keeps: those it proved last", () => {
    const keeping = (keepReleases: number, line: string) => ({ ...history(line), keepReleases });
    const choices = (hosts: Record<string, HostHistory>) =>
      /choose one of: (.*) \(/.exec(refused(() => rollbackTarget(hosts, "x")))?.[1];
    assert.equal(choices({ host1: keeping(3, "abcd") }), "b, c, d");
    assert.equal(choices({ host1: keeping(3, "abcda") }), "c, d, a");
    assert.equal(choices({ host1: keeping(2, "abcd"), host2: keeping(2, "abdc") }), "c, d");
    assert.equal(choices({ host1: keeping(1, "ab"), host2: keeping(1, "ba") }), "none");
  });

  it("accepts a release that should be pruned, because only the host knows whether it still has it", () => {
    assert.equal(rollbackTarget({ host1: { ...history("abc"), keepReleases: 1 } }, "a"), "a");
  });

  it("is refused when there is no previous release", () => {
    assert.match(
      refused(() => rollbackTarget({ host1: history("a") })),
      /no release before/,
    );
  });

  it("asks for a release by name when the hosts had different ones before", () => {
    assert.equal(
      refused(() => rollbackTarget({ host1: history("abc"), host2: history("ac") })),
      "rollback: the hosts had different releases before (host1: b, host2: a); name one of: a, c",
    );
  });

  it("reaches the first release when repeated, whatever was deployed", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(..."abcdef"), { minLength: 1, maxLength: 20 }), (releases) => {
        const ledger = releases.map((release) => entry(release));
        for (let steps = lineOf(ledger).length - 1; steps > 0; steps--) {
          const current = ledger.at(-1)!.release;
          ledger.push(entry(rollbackTarget({ host1: { ...history(current), ledger } })));
        }
        assert.equal(ledger.at(-1)!.release, releases[0]);
      }),
    );
  });
});

describe("a ledger", () => {
  it("is read even if a line was cut off", () => {
    const text = `${JSON.stringify(entry("a"))}\n{"deployment":"x","rel\n\n${JSON.stringify(entry("b"))}\n`;
    assert.deepEqual(readLedger(text), [entry("a"), entry("b")]);
  });

  it("is read even if lines are damaged: lines without a deployment are skipped, and damaged members left out", () => {
    const good = entry("a");
    const line = (changes: object) => JSON.stringify({ ...good, ...changes });
    const useless = ["{}", "[]", "1", "null", '"x"', "\u0000", '{"release":1}'].concat(
      line({ release: 1 }),
      line({ release: "../x" }),
      line({ release: "\u001b[31m" }),
      line({ at: 20260301 }),
      line({ outcome: null }),
    );
    assert.deepEqual(readLedger(useless.join("\n")), []);
    const odd = {
      ...{ seconds: "a string", pulled: "many", who: 1, services: [], dirty: "yes", tag: {}, check: 1 },
      ...{ at: "not a date", deployment: 1, from: null, stack: [], commit: 1, service: false },
    };
    const read = readLedger(
      [
        line(odd),
        line({ seconds: { pull: "long" } }),
        line({ pulled: 1 }).replace('"pulled":1', '"pulled":1e999'),
      ].join("\n"),
    );
    assert.equal(read.length, 3);
    const [title, ...shown] = renderHistory([{ name: "host1", value: read }], 20, (_, text) => text);
    assert.match(title!, /^began/);
    assert.match(shown.at(-1)!, /^not a date {15}a +deployed +\? on \?$/);
    assert.equal(rollbackTarget({ host1: { current: "b", ledger: read, keepReleases: 5 } }), "a");
  });

  it("is shown as one line per deployment, without terminal control characters", () => {
    const nasty = { ...entry("a"), tag: "x\ny", who: "\u001b]0;w\u0007\u202e", from: "\u009b2J" };
    const [, line, ...rest] = renderHistory([{ name: "host1", value: [nasty] }], 5, (_, text) => text);
    assert.match(line!, /x\?y .*\?]0;w\?\? on \?2J$/);
    assert.deepEqual(rest, []);
  });

  it("is shown quickly even if it is long", () => {
    const value = Array.from({ length: 20_000 }, (_, i) => entry(`r${i}`));
    const lines = renderHistory([{ name: "host1", value }], 2, (_, text) => text);
    assert.deepEqual(
      lines.slice(1).map((line) => line.split(/ {2,}/)[1]),
      ["r19999", "r19998"],
    );
  });

  it("is shown newest first, with failures and rollbacks marked", () => {
    const failed = {
      ...entry("c", "put back"),
      tag: "1a2b3c4",
      service: "web",
      check: "http",
      seconds: { pull: 1.25, apply: 2 },
      pulled: 1_500_000,
    };
    const text = renderHistory(
      [{ name: "host1", value: [entry("a"), entry("b"), failed, entry("a")] }],
      3,
      (_, text) => text,
    );
    assert.deepEqual(text, [
      "began                    release  tag      outcome               seconds  pulled  by",
      "2026-03-01 10:00:00 UTC  a                 deployed (rollback)                    ann on laptop",
      "2026-03-01 10:00:00 UTC  c        1a2b3c4  put back (web: http)  3.3      1.5 MB  ann on laptop",
      "2026-03-01 10:00:00 UTC  b                 deployed                               ann on laptop",
    ]);
  });
});
