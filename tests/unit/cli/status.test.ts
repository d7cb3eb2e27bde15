import assert from "node:assert/strict";
import { renderStatus, reportOf, type StatusReport, statusExit } from "../../../cli/status";
import type { HostState } from "../../../core/host/types";
import { calm, container, empty, OTHER_DIGEST } from "../core/host/states";

const CONTENT = "e".repeat(64);
const same = { contents: { web: CONTENT } };
const other = { contents: { web: "f".repeat(64) } };
const on = (value: HostState, name = "host1") => ({ name, value });
const unreachable = { name: "host2", problems: ["everfresh:hosts[1].address: cannot be reached; look"] };
const holder = { release: "r2", since: "2026-03-01T11:00:00Z", who: "eve", from: "ci" };
const stale = () => {
  const state = calm();
  return {
    ...state,
    containers: state.containers.map((each) =>
      each.service === "web" ? container("web", { digests: [OTHER_DIGEST] }) : each,
    ),
  };
};

describe("the status of all hosts", () => {
  const exits: [string, StatusReport, boolean, number][] = [
    ["is 0 when all is well", reportOf([on(calm())], same), false, 0],
    ["is 0 when the working tree would build another image", reportOf([on(calm())], other), false, 0],
    [
      "is 1 when the working tree would build another image and the current one is expected",
      reportOf([on(calm())], other),
      true,
      1,
    ],
    ["is 0 when the current one is expected and runs", reportOf([on(calm())], same), true, 0],
    ["is 1 when another image runs", reportOf([on(stale())], same), false, 1],
    ["is 1 when nothing is deployed", reportOf([on(empty())], same), false, 1],
    ["is 2 when a host does not answer", reportOf([on(stale()), unreachable], same), false, 2],
    [
      "is 2 when the working tree is expected and cannot be read",
      reportOf([on(calm())], { problems: ["x"] }),
      true,
      2,
    ],
    ["is 0 when the working tree cannot be read", reportOf([on(calm())], { problems: ["x"] }), false, 0],
    ["is 3 while somebody deploys", reportOf([on({ ...stale(), holder })], same), false, 3],
  ];
  for (const [obligation, report, expectCurrent, expected] of exits) {
    it(`exits with ${obligation.replace("is ", "")}`, () =>
      assert.equal(statusExit(report, expectCurrent), expected));
  }

  it("is up to date only when every service of the working tree runs", () => {
    const more = { contents: { web: CONTENT, worker: CONTENT } };
    assert.equal(reportOf([on(calm())], same).upToDate, true);
    assert.equal(reportOf([on(calm())], more).upToDate, false);
    assert.equal("upToDate" in reportOf([on(calm()), unreachable], same), false);
  });

  it("shows who deployed what, its health, and its difference from the working tree", () => {
    const causes = new Map([[CONTENT, "1 file (page.js)"]]);
    const text = renderStatus(reportOf([on(calm())], other, { causes }), (_, text) => text);
    assert.deepEqual(text, [
      "host1: release r1, deployed 2026-03-01 10:00:05 UTC by ann on laptop (stack prod)",
      "  service  container     image         started                  health   working tree",
      "  web      web000000000  aaaaaaaaaaaa  2026-03-01 10:00:00 UTC  running  differs: 1 file (page.js)",
      "  db       db0000000000  cccccccccccc  2026-03-01 10:00:00 UTC  running  not built",
      "  migrate  migrate00000  cccccccccccc  2026-03-01 10:00:00 UTC  exited   not built",
      "",
      "healthy: everything runs as it was proved",
      "images: the working tree would build others; `everfresh deploy` deploys them",
    ]);
  });

  it("shows drift, and which image runs instead of the expected one", () => {
    const text = renderStatus(reportOf([on(stale())], same), (_, text) => text).join("\n");
    assert.match(text, /dddddddddddd \(expected aaaaaaaaaaaa\)/);
    assert.match(text, /drift: web runs another image/);
    assert.match(text, /not healthy/);
  });

  it("says that the stack is pinned instead of advising a deploy that would be refused", () => {
    const text = renderStatus(reportOf([on(calm())], other, { pinned: "r1" }), (_, text) => text).join("\n");
    assert.match(text, /pinned to release r1; `everfresh rollback --clear`/);
    assert.doesNotMatch(text, /everfresh deploy/);
  });

  it("shows every host even if one does not answer", () => {
    const text = renderStatus(reportOf([on(calm()), unreachable], same), (_, text) => text).join("\n");
    assert.match(text, /host1: release r1/);
    assert.match(text, /host2: not known\n {2}everfresh:hosts\[1\]\.address: cannot be reached; look/);
  });

  it("shows no control characters from a host", () => {
    const state = calm();
    const evil = { ...state, current: { ...state.current!, who: "\u001b]0;x\u0007eve" } };
    assert.doesNotMatch(
      renderStatus(reportOf([on(evil)], same), (_, text) => text).join("\n"),
      /[\u001b\u0007]/,
    );
  });
});
