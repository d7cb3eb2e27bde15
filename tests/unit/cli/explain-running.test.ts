import assert from "node:assert/strict";
import { renderRunning, runningExit, runningReportOf } from "../../../cli/explain-running";
import { calm } from "../core/host/states";

const plain = (_: unknown, text: string) => text;
const web = "web".padEnd(64, "0");
const now = "e".repeat(64);
const old = "0".repeat(64);
const told = (content: string, ...lines: string[]) => ({
  name: "host1",
  value: {
    state: calm({ hidden: [{ service: "web", volume: "kept", path: "/www" }] }),
    lines: [
      `inside {"id":"${web}","content":"${content}","mounts":[{"Type":"volume","Name":"kept","Destination":"/www"},{"Type":"bind","Source":"/srv/c","Destination":"/c"}]}`,
      ...lines.map((line) => `changed|${web}|${line}`),
    ],
  },
});
const unreachable = { name: "host2", problems: ["everfresh:hosts[1].address: cannot be reached; look"] };

describe("what a service runs", () => {
  it("is shown with the sources that differ, what was changed inside, and what is mounted over the image", () => {
    const causes = new Map([[old, "1 file (src/page.js)"]]);
    const report = runningReportOf(
      "web",
      [told(old, "A /tmp/x", "C /app/page.js")],
      { content: now },
      causes,
    );
    assert.deepEqual(renderRunning(report, plain), [
      "host1: release r1",
      "  web: container web000000000, started 2026-03-01 10:00:00 UTC, running",
      "    image aaaaaaaaaaaa: differs from the working tree: 1 file (src/page.js)",
      "    inside the container 2 files were changed after it was created",
      "      changed  /app/page.js",
      "      added    /tmp/x",
      "    mounted over the image, whose own files there are not seen",
      "      /c    bind /srv/c",
      "      /www  volume kept (the image has files there)",
    ]);
  });

  const comparisons: [string, ReturnType<typeof told>, Parameters<typeof runningReportOf>[2], RegExp][] = [
    ["the same", told(now), { content: now }, /: the working tree's content$/m],
    ["different, without a known cause", told(old), { content: now }, /: differs from the working tree$/m],
    ["an image that everfresh did not build", told(""), { content: now }, /: not built by everfresh$/m],
    ["a service without `build:`", told(""), undefined, /: not built from the working tree$/m],
    ["a working tree that cannot be read", told(old), { problems: ["x: y; z"] }, /^ {2}x: y; z$/m],
  ];
  for (const [what, answer, workingTree, expected] of comparisons) {
    it(`is compared with the working tree: ${what}`, () => {
      assert.match(renderRunning(runningReportOf("web", [answer], workingTree), plain).join("\n"), expected);
    });
  }

  it("has at most twenty changes for people, and all of them as JSON", () => {
    const many = Array.from({ length: 25 }, (_, i) => `A /f${i}`);
    const report = runningReportOf("web", [told(now, ...many)], { content: now });
    const shown = renderRunning(report, plain);
    assert.equal(shown.filter((line) => /^ {6}added /.test(line)).length, 20);
    assert.ok(shown.includes("      and 5 others"));
    const host = report.hosts.host1!;
    assert.equal("containers" in host && host.containers[0]!.changes.length, 25);
  });

  it("is told for the hosts that answer, and exits with 2 if one does not", () => {
    const report = runningReportOf("web", [told(now), unreachable], { content: now });
    assert.equal(runningExit(report), 2);
    const lines = renderRunning(report, plain);
    assert.deepEqual(lines.slice(-2), [
      "host2: not known",
      "  everfresh:hosts[1].address: cannot be reached; look",
    ]);
    assert.equal(runningExit(runningReportOf("web", [told(now)], undefined)), 0);
  });

  it("is rejected for a service that the release does not have", () => {
    assert.throws(
      () => runningReportOf("nope", [told(now)], undefined),
      /nope: is not a service of the release/,
    );
  });
});
