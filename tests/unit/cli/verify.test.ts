import assert from "node:assert/strict";
import {
  checksExit,
  checksReportOf,
  renderChecks,
  renderSearch,
  searchExit,
  searchOf,
  searchReportOf,
  type VerifyOptions,
} from "../../../cli/verify";
import { Problems } from "../../../core/problems";
import { calm, container } from "../core/host/states";

const plain = (_: unknown, text: string) => text;
const web = "web".padEnd(64, "0");
const db = "db".padEnd(64, "0");
const second = "f".repeat(64);
const answer = (lines: string[], state = calm(), name = "host1") => ({ name, value: { state, lines } });
const unreachable = { name: "host2", problems: ["everfresh:hosts[1].address: cannot be reached; look"] };
const search = { contains: "new", in: "/www" };
const hit = (id: string, path = "/www/a") => [`found|${id}|2|${path}`, `searched|${id}|1|2|7`];
const miss = (id: string) => [`searched|${id}|0|0|7`];
const twoOfWeb = () => {
  const state = calm();
  return { ...state, containers: [...state.containers, container("web", { id: second })] };
};

describe("the options of verify", () => {
  const rejected: [VerifyOptions, RegExp][] = [
    [{ contains: "x" }, /^--in: is missing; give a file or folder in the container/],
    [{ in: "/x" }, /^--contains: is missing; give the text to look for$/],
    [{ contains: "", in: "/x" }, /^--contains: is empty; /],
    [{ contains: "x", in: "www" }, /^--in: `www` is not absolute; /],
    [{ contains: "x", in: "" }, /^--in: `` is not absolute; /],
    [{ contains: "a\ufffd", in: "/x" }, /^--contains: has bytes that are not UTF-8; /],
  ];
  for (const [options, message] of rejected) {
    it(`are rejected: ${JSON.stringify(options)}`, () => {
      assert.throws(
        () => searchOf(undefined, options),
        (error) => error instanceof Problems && message.test(error.message),
      );
    });
  }

  it("ask for the release's checks if there are none", () => {
    assert.equal(searchOf("web", {}), undefined);
  });

  it("are rejected all at once", () => {
    assert.throws(() => searchOf(undefined, { contains: "", in: "x" }), /--contains.*\n--in/);
  });
});

describe("a search", () => {
  const asked: [string, string | undefined, ReturnType<typeof answer>[], boolean][] = [
    ["a service has the text in its container", "web", [answer(hit(web))], true],
    [
      "only one of a service's containers has the text",
      "web",
      [answer([...hit(web), ...miss(second)], twoOfWeb())],
      false,
    ],
    [
      "both of a service's containers have the text",
      "web",
      [answer([...hit(web), ...hit(second)], twoOfWeb())],
      true,
    ],
    [
      "a service has the text on one host only",
      "web",
      [answer(hit(web)), answer(miss(web), calm(), "host2")],
      false,
    ],
    ["the service's container does not run", "migrate", [answer([])], false],
    ["another service has the text", "db", [answer([...hit(web), ...miss(db)])], false],
    ["one service of all has the text", undefined, [answer([...hit(web), ...miss(db)])], true],
    ["no service has the text", undefined, [answer([...miss(web), `missing|${db}`])], false],
    [
      "no service has the text on every host",
      undefined,
      [answer([...hit(web), ...miss(db)]), answer([...miss(web), ...hit(db)], calm(), "host2")],
      false,
    ],
    ["too much would have to be read", "web", [answer([`large|${web}|300000`])], false],
    ["the container ended meanwhile", "web", [answer([])], false],
  ];
  for (const [when, service, answers, found] of asked) {
    it(`${found ? "passes" : "fails"} when ${when}`, () => {
      const report = searchReportOf(answers, { ...(service ? { service } : {}), ...search });
      assert.equal(report.found, found);
      assert.equal(searchExit(report), found ? 0 : 1);
    });
  }

  it("exits with 2 when a host does not answer, whatever the others have", () => {
    assert.equal(searchExit(searchReportOf([answer(hit(web)), unreachable], search)), 2);
  });

  it("rejects a service that the release does not have", () => {
    assert.throws(
      () => searchReportOf([answer([])], { service: "wbe", ...search }),
      /^Problems: wbe: is not a service of the release that runs; choose one of: web, db, migrate$/,
    );
  });

  it("shows which container has the text, and its version", () => {
    const report = searchReportOf([answer([...hit(web), `missing|${db}`]), unreachable], search);
    assert.deepEqual(renderSearch(report, undefined, plain), [
      "host1: release r1",
      "  service  container     image         started                  result",
      "  web      web000000000  aaaaaaaaaaaa  2026-03-01 10:00:00 UTC  found in 2 lines of /www/a",
      "  db       db0000000000  cccccccccccc  2026-03-01 10:00:00 UTC  /www does not exist there",
      "  migrate  migrate00000  cccccccccccc  2026-03-01 10:00:00 UTC  not running (exited)",
      "",
      "host2: not known",
      "  everfresh:hosts[1].address: cannot be reached; look",
      "",
      "no service has `new` in every container; `everfresh status` shows what runs",
    ]);
  });

  const words: [string[], string, RegExp][] = [
    [hit(web, "/a|b"), "new", /found in 2 lines of \/a\|b$/m],
    [hit(web), "a\nb", /found in 2 places of \/www\/a$/m],
    [miss(web), "new", /not found in 7 files$/m],
    [[`searched|${web}|0|0|0`], "new", /not found: \/www has no files$/m],
    [[`large|${web}|300000`], "new", /\/www has 293 MiB, and up to 256 are searched; name a folder in it/],
    [[], "new", /ended while it was searched; try again$/m],
    [
      [..."abcde"].map((name) => `found|${web}|1|/${name}`).concat(`searched|${web}|500|900|7`),
      "new",
      /found in 900 lines of \/a, \/b, \/c and 497 other files$/m,
    ],
    [hit(web, "/\u001b[2J"), "new", /of \/\?\[2J$/m],
  ];
  for (const [lines, contains, expected] of words) {
    it(`says ${expected.source}`, () => {
      const report = searchReportOf([answer(lines)], { service: "web", contains, in: "/www" });
      assert.match(renderSearch(report, "web", plain).join("\n"), expected);
    });
  }
});

describe("the checks made again", () => {
  const passed = "check|web|http /||";
  const failed = `check|web|command node|exited with status 1|${web}`;

  it("pass when each passes", () => {
    assert.equal(checksExit(checksReportOf([answer([passed])])), 0);
    assert.equal(checksExit(checksReportOf([answer([])])), 0);
  });

  it("fail when one fails on one host", () => {
    assert.equal(
      checksExit(checksReportOf([answer([passed]), answer([passed, failed], calm(), "host2")])),
      1,
    );
  });

  it("exit with 2 when a host does not answer", () => {
    assert.equal(checksExit(checksReportOf([answer([failed]), unreachable])), 2);
  });

  it("are shown one by one", () => {
    assert.deepEqual(renderChecks(checksReportOf([answer([passed, failed])]), plain), [
      "host1: release r1",
      "  web  http /        passed",
      "  web  command node  failed: exited with status 1 (container web000000000)",
    ]);
    assert.deepEqual(renderChecks(checksReportOf([answer([])]), plain), [
      "host1: release r1",
      "  no checks: `x-everfresh.verify` adds some",
    ]);
  });
});
