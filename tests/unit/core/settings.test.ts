import assert from "node:assert/strict";
import fc from "fast-check";
import { Problems } from "../../../core/problems";
import { parseSettings } from "../../../core/settings";
import { host, hostKey, minimal, privateKey, registry, settingsProblems } from "./settings-fixtures";

describe("parseSettings", () => {
  it("fills in the defaults", () => {
    assert.deepEqual(parseSettings(minimal), {
      composeFiles: ["compose.yaml"],
      hosts: [{ ...host, port: 22 }],
      registry: {
        address: "registry.example.com/team",
        pullAddress: "registry.example.com/team",
        insecure: false,
      },
      transport: "registry",
      strategy: "recreate",
      uniqueTag: false,
      pullBase: false,
      removeVolumes: false,
      keepReleases: 5,
      lockWait: 600,
      healthTimeout: 120,
      settle: 10,
    });
  });

  it("reads flags and numbers that Pulumi passes as text", () => {
    const given = { uniqueTag: true, pullBase: true, removeVolumes: false, keepReleases: 9, lockWait: 0 };
    const asText = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value)]));
    assert.deepEqual(parseSettings({ ...minimal, ...asText }), parseSettings({ ...minimal, ...given }));
    assert.equal(parseSettings({ ...minimal, keepReleases: "9" }).keepReleases, 9);
  });

  it("treats an empty value as not set", () => {
    const unset = { projectName: "", envFile: "", tag: "", fresh: undefined, release: "", remoteDir: "" };
    assert.deepEqual(parseSettings({ ...minimal, ...unset }), parseSettings(minimal));
  });

  it("splits compose files at commas", () => {
    const { composeFiles } = parseSettings({ ...minimal, composeFile: " a.yaml, b.yaml,,c.yaml " });
    assert.deepEqual(composeFiles, ["a.yaml", "b.yaml", "c.yaml"]);
  });

  it("accepts a host key as `ssh-keyscan` prints it", () => {
    for (const line of [
      hostKey,
      ` ${hostKey}\n`,
      `web1.example.com ${hostKey}`,
      `[10.0.0.1]:2222 ${hostKey}`,
    ]) {
      const { hosts } = parseSettings({ ...minimal, hosts: [{ ...host, hostKey: line }] });
      assert.equal(hosts[0]!.hostKey, hostKey);
    }
    const withComment = `${hostKey} root@web1`;
    const { hosts } = parseSettings({ ...minimal, hosts: [{ ...host, hostKey: withComment }] });
    assert.equal(hosts[0]!.hostKey, withComment);
  });

  it("ends a private key with the newline that OpenSSH's format requires", () => {
    const hosts = [{ ...host, privateKey: privateKey.trimEnd() }];
    assert.equal(parseSettings({ ...minimal, hosts }).hosts[0]!.privateKey, privateKey);
  });

  it("accepts a kept release for a stack that promotes", () => {
    const { promoteFrom, release } = parseSettings({ ...minimal, promoteFrom: "staging", release: "shop-1" });
    assert.deepEqual({ promoteFrom, release }, { promoteFrom: "staging", release: "shop-1" });
  });

  it("needs no registry for a kept release, whether Pulumi passes nothing or `{}`", () => {
    const pinned = { ...minimal, registry: undefined, release: "shop-1" };
    assert.equal(parseSettings(pinned).registry, undefined);
    assert.equal(parseSettings({ ...pinned, registry: {} }).registry, undefined);
  });

  it("keeps separate addresses for pushing and for pulling", () => {
    const both = { address: "localhost:5000/a", pullAddress: "10.0.0.1:5000/a", insecure: "true" };
    assert.deepEqual(parseSettings({ ...minimal, registry: both }).registry, { ...both, insecure: true });
  });

  const ownRegistries: [string, unknown, string, number, string][] = [
    ["nothing is said", undefined, "127.0.0.1:27180", 27180, "registry:2.8.3"],
    ["Pulumi passes `{}`", {}, "127.0.0.1:27180", 27180, "registry:2.8.3"],
    ["it has an address", { address: "127.0.0.1:5001" }, "127.0.0.1:5001", 5001, "registry:2.8.3"],
    ["it has a name as its address", { address: "localhost:5001" }, "localhost:5001", 5001, "registry:2.8.3"],
    [
      "it has an image",
      { image: "r.example.com/registry:3" },
      "127.0.0.1:27180",
      27180,
      "r.example.com/registry:3",
    ],
  ];
  for (const [name, given, address, port, image] of ownRegistries) {
    it(`runs a registry of its own on this machine with \`transport: ssh\`, if ${name}`, () => {
      const settings = parseSettings({ ...minimal, transport: "ssh", registry: given });
      assert.equal(settings.transport, "ssh");
      assert.deepEqual(settings.registry, {
        address,
        pullAddress: address,
        insecure: false,
        local: { port, image },
      });
    });
  }

  const ints: [string, number, number][] = [
    ["keepReleases", 1, 100],
    ["lockWait", 0, 86400],
    ["healthTimeout", 1, 86400],
    ["settle", 0, 3600],
  ];

  for (const [key, min, max] of ints)
    for (const value of [min, max])
      it(`accepts ${value} as ${key}`, () => {
        assert.equal(parseSettings({ ...minimal, [key]: String(value) })[key as "settle"], value);
      });

  it("returns settings or problems in the message form, for any input", () => {
    const key = fc.constantFrom(
      ...Object.keys(minimal),
      "tag",
      "release",
      "fresh",
      "keepReleases",
      "pullBase",
      "transport",
    );
    const value = fc.oneof(fc.jsonValue(), fc.string(), fc.constantFrom("ssh", registry, minimal.hosts));
    fc.assert(
      fc.property(fc.dictionary(key, value), (raw) => {
        try {
          parseSettings(raw);
        } catch (error) {
          assert.ok(error instanceof Problems, String((error as Error).stack));
          for (const line of error.problems) assert.match(line, /^everfresh:[a-zA-Z]+.*: .+; .+/s);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("never shows a secret in a message", () => {
    const secret = "s3cret";
    const shown = settingsProblems({
      ...minimal,
      hosts: [{ ...host, privateKey: secret, proxyJump: { ...host, privateKey: secret } }],
      registry: { ...registry, password: secret },
    }).join();
    assert.doesNotMatch(shown, /s3cret/);
  });
});
