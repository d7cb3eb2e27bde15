import assert from "node:assert/strict";
import fc from "fast-check";
import { type HostHistory, readLedger, renderHistory, rollbackTarget } from "../../cli/ledger";
import type { Paint } from "../../cli/terminal";
import { inABox } from "./support/box";
import { anyText, damaged, damagedText, json } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { assertPrintable, Refusal, valueOrRefusal } from "./support/refusals";

const noPaint: Paint = (_, text) => text;

describe("hostile ledgers of a host", function () {
  this.timeout(patienceFor(60_000));
  inABox();

  const entry = (release: string, outcome = "deployed") => ({
    deployment: `d-${release}`,
    release,
    at: "2026-03-01T10:00:00Z",
    outcome,
    who: "ann",
    from: "laptop",
    stack: "prod",
    tag: "v1",
    services: { web: { content: "e".repeat(64), digest: `sha256:${"a".repeat(64)}` } },
    seconds: { pull: 1.25, apply: 2 },
    pulled: 1_500_000,
    check: "http",
    service: "web",
  });
  const good = [entry("a"), entry("b"), entry("c", "put back"), entry("a")];
  const ledgers = fc.oneof(
    {
      weight: 3,
      arbitrary: damaged(good).map((all) =>
        [all]
          .flat()
          .map((each) => JSON.stringify(each))
          .join("\n"),
      ),
    },
    { weight: 1, arbitrary: damagedText(good.map((each) => JSON.stringify(each)).join("\n")) },
    {
      weight: 1,
      arbitrary: fc
        .array(json, { maxLength: 5 })
        .map((all) => all.map((each) => JSON.stringify(each)).join("\n")),
    },
  );

  it("are shown as far as they are intact", () =>
    tryAll("host answers", 400, fc.tuple(ledgers, fc.nat(30)), ([text, limit]) => {
      const ledger = readLedger(text);
      const answers = [
        { name: "web1", value: ledger },
        { name: "web2", problems: ["web2: is gone; look at it"] },
      ];
      for (const line of renderHistory(answers, limit, noPaint)) assertPrintable(line);
      JSON.stringify(ledger);
    }));

  it("allow a rollback to a release by its id, or are refused in our own words", () =>
    tryAll(
      "host answers",
      300,
      fc.tuple(ledgers, ledgers, anyText, fc.boolean()),
      async ([one, other, asked, asks]) => {
        const history = (text: string): HostHistory => ({
          current: "b",
          ledger: readLedger(text),
          keepReleases: 5,
        });
        const hosts = Object.fromEntries([
          ["web1", history(one)],
          ["__proto__", history(other)],
        ]);
        for (const given of asks ? [asked, "a", "toString"] : [undefined]) {
          const target = await valueOrRefusal(() => rollbackTarget(hosts, given));
          if (target instanceof Refusal) continue;
          // It goes into the configuration, and from there into a path on the host.
          assert.match(target, /^[a-z0-9][a-z0-9-]*$/);
        }
      },
    ));
});
