import assert from "node:assert/strict";
import fc from "fast-check";
import { readProject } from "../../../../core/compose/read-project";
import { Problems } from "../../../../core/problems";
import { marks, printed } from "../../../support/compose";
import { folder, type Node, read, readService } from "./read";

describe("readProject", () => {
  it("names the project and keeps the whole document", () => {
    const networks = { default: { name: "shop_default" } };
    const { name, document } = read({ web: { image: "web:1", command: ["a"] } }, { networks });
    assert.equal(name, "shop");
    assert.deepEqual(document, {
      name: "shop",
      services: { web: { image: "web:1", command: ["a"] } },
      networks,
    });
  });

  for (const name of ["a|b", "a\nb", "a\u0007"])
    it(`rejects ${JSON.stringify(name)}, a network name with a character that separates a host's answers`, () => {
      assert.throws(
        () => read({ redis: {} }, { networks: { odd: { name } } }),
        new Problems(["networks.odd.name: has a `|` or a control character; choose another name"]),
      );
    });

  it("finds services named like built-in object properties", () => {
    const names = ["constructor", "toString", "__proto__", "hasOwnProperty"];
    const services = Object.fromEntries(
      names.map((name) => [name, { image: name, secrets: [{ source: name }], networks: { [name]: null } }]),
    );
    const secrets = Object.fromEntries(names.map((name) => [name, { file: `/k/${name}` }]));
    const project = read(services, { secrets });
    assert.deepEqual(
      project.services.map(({ name, image }) => [name, image]),
      names.map((name) => [name, name]),
    );
    assert.deepEqual(
      project.files.map(({ source }) => source),
      names.map((name) => `/k/${name}`),
    );
  });

  it("rejects a project without services", () => {
    assert.throws(
      () => read({}),
      new Problems([
        "services: there are none, or none in an active profile; add a service, or name a profile in COMPOSE_PROFILES",
      ]),
    );
  });

  it("puts dependencies before their dependents", () => {
    const on = (...names: string[]) => ({ depends_on: Object.fromEntries(names.map((name) => [name, {}])) });
    const { services } = read({
      edge: on("web", "api"),
      web: on("api"),
      api: on("redis", "absent"),
      redis: {},
    });
    assert.deepEqual(
      services.map(({ name }) => name),
      ["redis", "api", "web", "edge"],
    );
  });

  it("puts every dependency first in any graph", () => {
    const graph = fc
      .array(fc.array(fc.nat({ max: 7 }), { maxLength: 4 }), { minLength: 1, maxLength: 8 })
      .map((rows) => rows.map((row, i) => row.filter((j) => j < i)));
    fc.assert(
      fc.property(graph, fc.nat(), (rows, seed) => {
        const entries = rows.map((row, i): [string, Node] => [
          `s${i}`,
          { depends_on: Object.fromEntries(row.map((j) => [`s${j}`, {}])) },
        ]);
        const rotated = entries.map((_, i) => entries[(i + seed) % entries.length]!);
        const order = read(Object.fromEntries(rotated)).services.map(({ name }) => name);
        assert.equal(order.length, rows.length);
        for (const [i, row] of rows.entries()) {
          for (const j of row) assert.ok(order.indexOf(`s${j}`) < order.indexOf(`s${i}`), order.join());
        }
      }),
    );
  });

  it("lists the services that compose restarts together with a service", () => {
    const { services } = read({
      db: {},
      api: { depends_on: { db: { restart: true } } },
      web: { depends_on: { db: { restart: false }, api: { restart: true } } },
    });
    assert.deepEqual(
      services.map(({ name, restarts }) => [name, restarts]),
      [
        ["db", ["api"]],
        ["api", ["web"]],
        ["web", []],
      ],
    );
  });

  it("counts replicas by `scale`, then by `deploy.replicas`; default: one", () => {
    assert.equal(readService({}).replicas, 1);
    assert.equal(readService({ deploy: { replicas: 3 } }).replicas, 3);
    assert.equal(readService({ deploy: { replicas: 3 }, scale: 0 }).replicas, 0);
  });

  it("reads x-everfresh, with compose's `$$` as a dollar sign", () => {
    const { verify } = readService({ "x-everfresh": { verify: { command: ["sh", "-c", "test $$HOME"] } } });
    assert.deepEqual(verify, [{ kind: "command", command: ["sh", "-c", "test $HOME"] }]);
  });

  it("takes strings from compose's JSON, and extension fields from its YAML", () => {
    const web = {
      image: "a",
      command: ["a", "b"],
      environment: { A: "x" },
      "x-everfresh": { verify: { command: ["c"] } },
    };
    const { document, services } = readProject({
      warnings: [],
      marks,
      sources: "",
      fromEnvFile: {},
      createHostPath: false,
      resolved: JSON.stringify({ name: "shop", services: { web } }),
      exact: JSON.stringify({
        name: "shop",
        services: { web: { image: "a", command: ["a", "\nb"], environment: { A: "\nx" }, entrypoint: null } },
      }),
      written: JSON.stringify({ services: {} }),
      folder,
      environment: {},
    });
    assert.deepEqual(document.services.web, { ...web, command: ["a", "\nb"], environment: { A: "\nx" } });
    assert.deepEqual(services[0]!.verify, [{ kind: "command", command: ["c"] }]);
  });

  it("reports all problems at once", () => {
    const services = {
      a: { "x-everfresh": { x: 1 } },
      b: { build: { context: "/b", ssh: ["default"], platforms: ["linux/amd64", "linux/arm64"] } },
      c: { configs: [{ source: "unset" }] },
    };
    assert.throws(
      () => read(services, { configs: { unset: { environment: "UNSET" } } }),
      (error: Problems) => error.problems.length === 4,
    );
  });
});

describe("an image that another service builds", () => {
  it("is built for both services, so that both run the result", () => {
    const build = { context: "/a" };
    const { services } = read({
      app: { build, image: "mine:1" },
      worker: { image: "mine:1" },
      other: { image: "mine:2" },
    });
    const [app, other, worker] = [...services].sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(worker?.build, app?.build);
    assert.equal(other?.build, undefined);
  });
});

describe("an image that is not built", () => {
  for (const policy of ["always", "daily", "weekly", "every_2h"]) {
    it(`follows its tag with the pull policy ${policy}`, () => {
      assert.equal(readService({ image: "web:1", pull_policy: policy }).followsTag, true);
    });
  }

  const fixed: [string, Parameters<typeof readService>[0]][] = [
    ["is built", { build: { context: "/a" }, pull_policy: "always" }],
    ["has a digest", { image: "web:1@sha256:1", pull_policy: "always" }],
    ["is pulled only when missing", { image: "web:1", pull_policy: "missing" }],
    ["is never pulled", { image: "web:1", pull_policy: "never" }],
    ["has no pull policy", { image: "web:1" }],
  ];
  for (const [what, node] of fixed)
    it(`does not follow its tag if it ${what}`, () => assert.equal(readService(node).followsTag, false));
});

describe("the image of a service that is built", () => {
  it("has compose's name and its tags", () => {
    const build = { context: "/a", tags: ["team/web:1"] };
    assert.deepEqual(readService({ build }).imageNames, ["shop-web", "team/web:1"]);
    assert.deepEqual(readService({ build, image: "web:2" }).imageNames, ["web:2", "team/web:1"]);
    assert.deepEqual(readService({ image: "web:2" }).imageNames, []);
  });

  it("is known for services of inactive profiles, together with their problems", () => {
    const web = { build: { context: "/a" } };
    const base = { build: { context: "/b", ssh: ["default"] }, profiles: ["build"] };
    const text = { ...printed({ name: "shop", services: { web } }), folder, environment: {} };
    const whole = printed({ name: "shop", services: { web, base, redis: { image: "redis" } } });
    const { services, inactive } = readProject({ ...text, whole });
    assert.deepEqual(
      services.map(({ name }) => name),
      ["web"],
    );
    assert.deepEqual(
      inactive.map(({ name, imageNames, problems }) => [name, imageNames, problems.length]),
      [["base", ["shop-base"], 1]],
    );
  });
});
