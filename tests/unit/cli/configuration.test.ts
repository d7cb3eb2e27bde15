import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { readRaw } from "../../../cli/configuration";
import { project } from "../../../cli/project";
import { readSource, stackFile } from "../../../cli/stack-file";
import { defaultStack, describesStack, hostName, initialSettings } from "../../../cli/verbs/init";
import { Problems } from "../../../core/problems";
import { configFileVariable } from "../../../core/stack-file";

describe("the configuration that pulumi prints", () => {
  it("is read by key, with structures parsed, and without empty strings and other namespaces", () => {
    const printed = {
      "everfresh:hosts": { value: "[…]", objectValue: [{ name: "host1" }], secret: true },
      "everfresh:tag": { value: "", secret: false },
      "everfresh:settle": { value: "3", secret: false },
      "aws:region": { value: "x", secret: false },
    };
    assert.deepEqual(readRaw(JSON.stringify(printed)), { hosts: [{ name: "host1" }], settle: "3" });
  });
});

describe("pulumi's output", () => {
  for (const printed of ["hunter2", '{"everfresh:tag":"hunter2"}', "null", '{"everfresh:tag":null}'])
    it(`is refused without a quotation if it is ${printed}`, () =>
      assert.throws(
        () => readRaw(printed),
        (error: Error) => error instanceof Problems && !/hunter2/.test(error.message),
      ));
});

describe("a stack's configuration file, read without Pulumi", () => {
  let folder: string;
  const write = (text: string) => {
    const file = path.join(folder, "stack.yaml");
    writeFileSync(file, text);
    return file;
  };
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-unit-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("is found by the stack's name, qualified or not", () => {
    assert.equal(stackFile({ stack: "prod" }), path.join(project, "Pulumi.prod.yaml"));
    assert.equal(stackFile({ stack: "org/everfresh/prod" }), path.join(project, "Pulumi.prod.yaml"));
    assert.equal(stackFile({ stack: "prod", configFile: "/x.yaml" }), "/x.yaml");
  });

  it("is the one that Pulumi's own variable names, if no option does", () => {
    process.env[configFileVariable] = "/y.yaml";
    try {
      assert.equal(stackFile({ stack: "prod" }), "/y.yaml");
      assert.equal(stackFile({ stack: "prod", configFile: "/x.yaml" }), "/x.yaml");
    } finally {
      delete process.env[configFileVariable];
    }
  });

  it("names the compose files and what else affects builds", () => {
    const file = write(
      "config:\n  everfresh:composeFile: a.yaml, b.yaml\n  everfresh:fresh: now\n  everfresh:envFile: ''\n",
    );
    assert.deepEqual(readSource(file), { composeFiles: ["a.yaml", "b.yaml"], fresh: "now" });
  });

  it("says whether the digests of base images count, and names the registry", () => {
    const file = write(
      "config:\n  everfresh:composeFile: a.yaml\n  everfresh:pullBase: true\n  everfresh:registry: { address: r.example.com/t, password: { secure: v1:x } }\n",
    );
    const { pullBase, registry } = readSource(file);
    assert.equal(pullBase, true);
    assert.deepEqual(registry, {
      address: "r.example.com/t",
      pullAddress: "r.example.com/t",
      insecure: false,
    });
  });

  const begins: [string, RegExp][] = [
    ["config:\n  everfresh:registry: { password: hunter2", /stack\.yaml:\d+:\d+: cannot be read as YAML; /],
    ["- hunter2\n", /stack\.yaml: must be a group of `config:` and what belongs to it; /],
    ["hunter2\n", /stack\.yaml: must be a group of /],
    ["config: []\n", /stack\.yaml: config: must be a group of settings /],
    ["config: hunter2\n", /stack\.yaml: config: must be a group of settings /],
    ["", /stack\.yaml: everfresh:composeFile: is not set/],
    ["config:\n", /stack\.yaml: everfresh:composeFile: is not set/],
    ["config:\n  everfresh:composeFile: [hunter2]\n", /stack\.yaml: everfresh:composeFile: is not set/],
  ];
  for (const [text, begin] of begins)
    it(`is refused by name, without quoting its content, if it is ${JSON.stringify(text)}`, () => {
      const file = write(text);
      assert.throws(
        () => readSource(file),
        (error: Error) => {
          assert.ok(error instanceof Problems, error.stack);
          assert.match(error.message, begin);
          assert.doesNotMatch(error.message, /hunter2/);
          return true;
        },
      );
    });

  it("is refused if it is a folder", () => {
    assert.throws(() => readSource(folder), /cannot be read \(EISDIR\); /);
  });

  it("may have settings of the wrong type, which `up` reports", () => {
    const file = write(
      "config:\n  everfresh:composeFile: a.yaml\n  everfresh:hosts: 5\n  everfresh:pullBase: true\n  everfresh:registry: { address: [x] }\n",
    );
    assert.equal(readSource(file).registry?.address, "docker.io");
  });

  it("is refused if it names no compose file in plain text", () => {
    const file = write("config:\n  everfresh:composeFile: { secure: v1:x }\n");
    assert.throws(() => readSource(file), /composeFile: is not set, or is a secret; .*--file/);
    assert.throws(() => readSource("/nowhere.yaml"), /^Problems: \/nowhere\.yaml: does not exist; /);
  });
});

describe("init", () => {
  const given = {
    composeFile: "compose.yaml",
    address: "web1.example.com",
    port: 22,
    user: "deploy",
    hostKey: "ssh-ed25519 AAAA",
    privateKey: "KEY",
    registry: "registry.example.com/team",
    insecure: false,
    username: "ci",
    password: "hunter2",
  };

  it("by default creates a stack whose file does not clash with the example", () => {
    assert.notEqual(stackFile({ stack: defaultStack }), path.join(project, "Pulumi.prod.yaml"));
  });

  it("writes secrets as secrets only", () => {
    const settings = initialSettings(given);
    assert.deepEqual(
      settings.filter(({ secret }) => secret).map(({ key, value }) => [key, value]),
      [
        ["hosts[0].privateKey", "KEY"],
        ["registry.password", "hunter2"],
      ],
    );
    assert.doesNotMatch(JSON.stringify(settings.filter(({ secret }) => !secret)), /KEY"|hunter2/);
    assert.equal(settings.find(({ key }) => key === "hosts[0].name")?.value, "web1");
  });

  it("writes secrets first and the host's name last, so that it can be run again after an interruption", () => {
    const settings = initialSettings(given);
    const written = (key: string) => {
      const name = /^hosts\[0\]\.(.+)$/.exec(key)?.[1];
      return describesStack({ [`everfresh:${name ? "hosts" : key}`]: name ? [{ [name]: "x" }] : "x" });
    };
    assert.deepEqual(
      settings.filter(({ key }) => written(key)),
      settings.slice(-1),
    );
    const secrets = settings.map(({ secret }) => secret === true);
    assert.deepEqual(secrets, secrets.toSorted().reverse());
  });

  it("regards a file with hosts as describing a stack, whether they are plain or secret", () => {
    assert.ok(describesStack({ "everfresh:hosts": [{ name: "web1" }] }));
    assert.ok(describesStack({ "everfresh:hosts": { secure: "v1:x" } }));
    assert.ok(describesStack({ "everfresh:hosts": 5 }));
    assert.ok(!describesStack({ "everfresh:composeFile": "compose.yaml" }));
    assert.ok(!describesStack({}));
  });

  it("names a host after its address, if that is a name", () => {
    assert.deepEqual(["Web-1.example.com", "10.0.0.7", "::1"].map(hostName), ["web-1", "host1", "host1"]);
  });
});
