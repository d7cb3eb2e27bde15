import assert from "node:assert/strict";
import { parseOptions, volumeOptionProblems } from "../../../../core/compose/options";

const where = "services.web.x-everfresh";
const verify = (node: unknown) => {
  const problems: string[] = [];
  const options = parseOptions({ verify: node }, where, problems);
  assert.deepEqual(problems, []);
  return options.verify;
};

describe("parseOptions", () => {
  for (const node of [undefined, null, {}, { verify: {} }])
    it(`asks for no further proof if it reads ${JSON.stringify(node)}`, () => {
      const problems: string[] = [];
      assert.deepEqual(parseOptions(node, where, problems), {
        verify: [],
        imageVolumes: [],
        mounts: {},
        rollout: { observe: true },
        commands: {},
      });
      assert.deepEqual(problems, []);
    });

  it("expects status 200 by default", () => {
    assert.deepEqual(verify({ http: { port: 8080, path: "/" } }), [
      { kind: "http", port: 8080, path: "/", status: 200 },
    ]);
    assert.deepEqual(verify({ http: { port: 1, path: "/v", status: 404, body: "2" } }), [
      { kind: "http", port: 1, path: "/v", status: 404, body: "2" },
    ]);
  });

  it("accepts every kind of check, in a fixed order", () => {
    const file = { path: "/etc/a", contains: "x" };
    assert.deepEqual(verify({ file, command: ["a", "b"], http: { port: 80, path: "/" } }), [
      { kind: "http", port: 80, path: "/", status: 200 },
      { kind: "command", command: ["a", "b"] },
      { kind: "file", ...file },
    ]);
  });

  it("reads how containers are replaced", () => {
    const problems: string[] = [];
    const rollout = (node: unknown) => parseOptions(node, where, problems).rollout;
    assert.deepEqual(rollout({ strategy: "start-first" }), { strategy: "start-first", observe: true });
    assert.deepEqual(rollout({ observe: false, drain: { command: ["a"] } }), {
      observe: false,
      drain: { command: ["a"], seconds: 10 },
    });
    assert.deepEqual(problems, []);
  });

  it("reads what runs before and after a release", () => {
    const problems: string[] = [];
    const commands = (node: unknown) => parseOptions(node, where, problems).commands;
    assert.deepEqual(commands({ before: { command: ["a", "b"] } }), {
      before: { command: ["a", "b"], exec: false, seconds: 600 },
    });
    const after = { command: ["a"], exec: true, seconds: 5 };
    assert.deepEqual(commands({ after }), { after });
    assert.deepEqual(problems, []);
  });

  it("refuses unknown options of volumes", () => {
    const problemsOf = (node: unknown) => volumeOptionProblems({ data: { "x-everfresh": node }, logs: null });
    assert.deepEqual(problemsOf({ exclusive: true }), []);
    assert.deepEqual(problemsOf(undefined), []);
    const see = "see docs/configuration.md";
    assert.deepEqual(problemsOf({ exclusiv: true }), [
      `volumes.data.x-everfresh.exclusiv: is not a setting; ${see}`,
    ]);
    assert.deepEqual(problemsOf({ exclusive: "yes" }), [
      `volumes.data.x-everfresh.exclusive: must be \`true\` or \`false\`; ${see}`,
    ]);
  });

  const wrong: [unknown, string, string][] = [
    [{ drain: { seconds: 1 } }, ".drain.command", "is required"],
    [{ drain: { command: [] } }, ".drain.command", "is empty"],
    [{ drain: { command: ["a"], seconds: -1 } }, ".drain.seconds", "must be a whole number from 0 to 3600"],
    [{ before: { command: "a b" } }, ".before.command", "must be a list of words"],
    [{ after: { command: ["a"], seconds: 0 } }, ".after.seconds", "must be a whole number from 1 to 86400"],
    [{ after: { command: ["a"], exec: "yes" } }, ".after.exec", "must be `true` or `false`"],
    [{ observe: "no" }, ".observe", "must be `true` or `false`"],
    ["yes", "", "must be a group of settings"],
    [{ verifi: {} }, ".verifi", "is not a setting"],
    [{ verify: { http: { path: "/" } } }, ".verify.http.port", "is required"],
    [
      { verify: { http: { path: "/", port: "80" } } },
      ".verify.http.port",
      "must be a whole number from 1 to 65535",
    ],
    [{ verify: { http: { path: "/", port: 80, body: 2 } } }, ".verify.http.body", "must be a string"],
    [{ strategy: "swarm" }, ".strategy", "must be `recreate` or `start-first`; `swarm` is not available yet"],
    [{ verify: { http: { port: 80, path: "v" } } }, ".verify.http.path", "must begin with `/`"],
    [
      { verify: { http: { port: 80, path: "/a b" } } },
      ".verify.http.path",
      "must be a URL path, with blanks and non-ASCII characters percent-encoded",
    ],
    [{ verify: { command: ["a\0"] } }, ".verify.command.0", "has a NUL character"],
    [{ verify: { command: "true" } }, ".verify.command", "must be a list of words"],
    [{ verify: { command: [] } }, ".verify.command", "is empty"],
    [
      { verify: { file: { path: "etc", contains: "x" } } },
      ".verify.file.path",
      "must be an absolute path in the container",
    ],
    [{ verify: { file: { path: "/etc", contains: "" } } }, ".verify.file.contains", "is empty"],
  ];
  for (const [node, key, what] of wrong) {
    it(`refuses ${JSON.stringify(node)}`, () => {
      const problems: string[] = ["before"];
      assert.deepEqual(parseOptions(node, where, problems), {
        verify: [],
        imageVolumes: [],
        mounts: {},
        rollout: { observe: true },
        commands: {},
      });
      assert.deepEqual(problems, ["before", `${where}${key}: ${what}; see docs/configuration.md`]);
    });
  }

  it("names everything that is wrong", () => {
    const problems: string[] = [];
    parseOptions({ verify: { http: { port: 0, path: "v", status: 99 }, command: [] } }, where, problems);
    assert.equal(problems.length, 4);
  });
});
