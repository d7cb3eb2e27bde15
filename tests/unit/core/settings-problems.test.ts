import assert from "node:assert/strict";
import type { RawSettings } from "../../../core/settings";
import { host, hostKey, minimal, registry, settingsProblems } from "./settings-fixtures";

const { name: _, ...nameless } = host;

const set = (path: string, value: string) =>
  `set it with \`pulumi config set --path 'everfresh:${path}' ${value}\``;
const setSecret = (path: string, source = "") =>
  `set it with \`pulumi config set --secret --path 'everfresh:${path}'${source}\``;
const correct = (path: string) => `correct it with \`pulumi config set --path 'everfresh:${path}' …\``;
const keyscan = (path: string) =>
  `take the line that \`ssh-keyscan -t ed25519 <address>\` prints, compare it with the host's own, and ${set(path, "'ssh-ed25519 AAAA…'")}`;
const unverified = "is required: without it any machine that answers would be trusted";

describe("a problem in the settings", () => {
  const hostWith = (changes: object) => ({ hosts: [{ ...host, ...changes }] });
  const registryWith = (changes: object) => ({ registry: { ...registry, ...changes } });
  const overSsh = (changes: object) => ({ transport: "ssh", registry: changes });
  const notThisMachine = "must be a port of this machine, such as `127.0.0.1:27180`";
  const remove = (path: string) => `remove it with \`pulumi config rm --path 'everfresh:${path}'\``;
  const ints: [string, number, number][] = [
    ["keepReleases", 1, 100],
    ["lockWait", 0, 86400],
    ["healthTimeout", 1, 86400],
    ["settle", 0, 3600],
  ];

  const table: [string, RawSettings, string, string, string][] = [
    [
      "no compose file",
      { composeFile: undefined },
      "composeFile",
      "is required",
      set("composeFile", "compose.yaml"),
    ],
    ["only commas", { composeFile: " , " }, "composeFile", "is required", set("composeFile", "compose.yaml")],
    [
      "a project name in capitals",
      { projectName: "Shop" },
      "projectName",
      "must be lower-case letters, digits, dashes and underscores",
      correct("projectName"),
    ],
    ["a blank env file", { envFile: "  " }, "envFile", "is empty", correct("envFile")],
    [
      "no host",
      { hosts: [] },
      "hosts",
      "is required: at least one host",
      set("hosts[0].address", "host.example.com"),
    ],
    [
      "hosts that are not a list",
      { hosts: { a: 1 } },
      "hosts",
      "must be a list of hosts",
      set("hosts[0].address", "host.example.com"),
    ],
    [
      "a host without a name",
      { hosts: [nameless] },
      "hosts[0].name",
      "is required",
      set("hosts[0].name", "web1"),
    ],
    [
      "a host name with a space",
      hostWith({ name: "web 1" }),
      "hosts[0].name",
      "must be lower-case letters, digits and dashes",
      set("hosts[0].name", "web1"),
    ],
    [
      "an address with a scheme",
      hostWith({ address: "ssh://web1" }),
      "hosts[0].address",
      "is not a host name or an IP address",
      set("hosts[0].address", "host.example.com"),
    ],
    [
      "a port out of range",
      hostWith({ port: 65536 }),
      "hosts[0].port",
      "must be a whole number from 1 to 65535",
      set("hosts[0].port", "22"),
    ],
    [
      "a port that is not a number",
      hostWith({ port: "ssh" }),
      "hosts[0].port",
      "must be a whole number from 1 to 65535",
      set("hosts[0].port", "22"),
    ],
    [
      "a user with a space",
      hostWith({ user: "-x y" }),
      "hosts[0].user",
      "is not a user name",
      set("hosts[0].user", "deploy"),
    ],
    [
      "an empty host key",
      hostWith({ hostKey: "" }),
      "hosts[0].hostKey",
      unverified,
      keyscan("hosts[0].hostKey"),
    ],
    [
      "an RSA host key",
      hostWith({ hostKey: "ssh-rsa AAAA" }),
      "hosts[0].hostKey",
      "is an ssh-rsa key, which current servers refuse to prove",
      keyscan("hosts[0].hostKey"),
    ],
    [
      "two host keys",
      hostWith({ hostKey: `${hostKey}\n${hostKey}` }),
      "hosts[0].hostKey",
      "is not one line of a public key such as `ssh-ed25519 AAAA…`",
      keyscan("hosts[0].hostKey"),
    ],
    [
      "a public key in place of a private one",
      hostWith({ privateKey: hostKey }),
      "hosts[0].privateKey",
      "is not a private key",
      `load the key into an SSH agent, or ${setSecret("hosts[0].privateKey", " < key-file")}`,
    ],
    [
      "an unknown setting of a host",
      hostWith({ hostkey: hostKey }),
      "hosts[0].hostkey",
      "is not a setting",
      "correct its name or remove it",
    ],
    [
      "a proxy without a user",
      hostWith({ proxyJump: { address: "jump", hostKey } }),
      "hosts[0].proxyJump.user",
      "is required",
      set("hosts[0].proxyJump.user", "deploy"),
    ],
    [
      "a proxy's host key",
      hostWith({ proxyJump: { address: "jump", user: "deploy", hostKey: "x" } }),
      "hosts[0].proxyJump.hostKey",
      "is not one line of a public key such as `ssh-ed25519 AAAA…`",
      keyscan("hosts[0].proxyJump.hostKey"),
    ],
    [
      "a host that is only an address",
      { hosts: ["web1.example.com"] },
      "hosts[0]",
      "must be a group of settings",
      set("hosts[0].address", "host.example.com"),
    ],
    [
      "two hosts with the same name",
      { hosts: [host, { ...host, address: "web2" }] },
      "hosts",
      "two hosts are named `web1`",
      "give each a name of its own",
    ],
    [
      "two hosts that are the same machine",
      { hosts: [host, { ...host, name: "web2", port: "22" }] },
      "hosts",
      `two hosts are ${host.user}@${host.address}:22`,
      "remove one of them",
    ],
    [
      "no registry",
      { registry: undefined },
      "registry.address",
      "is required",
      set("registry.address", "registry.example.com/team"),
    ],
    [
      "a registry with a scheme",
      registryWith({ address: "https://registry.example.com" }),
      "registry.address",
      "is not a registry address such as `registry.example.com:5000/team`, without a scheme",
      set("registry.address", "registry.example.com/team"),
    ],
    [
      "a registry that looks like an option",
      registryWith({ address: "--registry" }),
      "registry.address",
      "is not a registry address such as `registry.example.com:5000/team`, without a scheme",
      set("registry.address", "registry.example.com/team"),
    ],
    [
      "an address that looks like an option",
      hostWith({ address: "-oProxyCommand" }),
      "hosts[0].address",
      "is not a host name or an IP address",
      set("hosts[0].address", "host.example.com"),
    ],
    [
      "a username without a password",
      registryWith({ username: "ci" }),
      "registry.password",
      "is missing for the username given",
      setSecret("registry.password"),
    ],
    [
      "a password without a username",
      registryWith({ password: "secret" }),
      "registry.username",
      "is missing for the password given",
      set("registry.username", "ci"),
    ],
    [
      "an empty password",
      registryWith({ username: "ci", password: "" }),
      "registry.password",
      "is empty",
      setSecret("registry.password"),
    ],
    [
      "a registry flag that is neither true nor false",
      registryWith({ insecure: "yes" }),
      "registry.insecure",
      "must be true or false",
      correct("registry.insecure"),
    ],
    [
      "another transport",
      { transport: "ftp" },
      "transport",
      "must be `registry` or `ssh`",
      correct("transport"),
    ],
    ...Object.entries({
      pullAddress: "10.0.0.1:5000",
      username: "ci",
      password: "secret",
      insecure: true,
    }).map(([key, value]): [string, RawSettings, string, string, string] => [
      "a setting of a remote registry over SSH",
      overSsh({ [key]: value }),
      `registry.${key}`,
      "is not used with `transport: ssh`, which needs no registry",
      remove(`registry.${key}`),
    ]),
    ...[
      "registry.example.com",
      "registry.example.com:5000",
      "127.0.0.1",
      "127.0.0.1:5000/team",
      "0.0.0.0:5000",
      "127.0.0.1:0",
      "127.0.0.1:65536",
    ].map((address): [string, RawSettings, string, string, string] => [
      `the registry ${address} over SSH`,
      overSsh({ address }),
      "registry.address",
      notThisMachine,
      set("registry.address", "127.0.0.1:27180"),
    ]),
    [
      "an unknown setting of the registry over SSH",
      overSsh({ adress: "127.0.0.1:5001" }),
      "registry.adress",
      "is not a setting",
      "correct its name or remove it",
    ],
    [
      "an image of the registry that looks like an option",
      overSsh({ image: "--privileged" }),
      "registry.image",
      "is not the name of an image",
      correct("registry.image"),
    ],
    [
      "an image of a registry that everfresh does not run",
      registryWith({ image: "registry:3" }),
      "registry.image",
      "is used only with `transport: ssh`",
      remove("registry.image"),
    ],
    [
      "another strategy",
      { strategy: "swarm" },
      "strategy",
      "must be `recreate` or `start-first`; `swarm` is not available yet",
      correct("strategy"),
    ],
    [
      "a tag with a slash",
      { tag: "feature/x" },
      "tag",
      "is not an image tag (up to 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`)",
      correct("tag"),
    ],
    [
      "a flag that is neither true nor false",
      { uniqueTag: "1" },
      "uniqueTag",
      "must be true or false",
      correct("uniqueTag"),
    ],
    [
      "a flag that is neither true nor false",
      { pullBase: "on" },
      "pullBase",
      "must be true or false",
      correct("pullBase"),
    ],
    ["a nonce of two lines", { fresh: "a\nb" }, "fresh", "must be one line", correct("fresh")],
    [
      "a nonce of two lines",
      { forceRecreate: "a\rb" },
      "forceRecreate",
      "must be one line",
      correct("forceRecreate"),
    ],
    [
      "a stack name of four parts",
      { promoteFrom: "a/b/c/d" },
      "promoteFrom",
      "is not a stack name such as `staging`",
      correct("promoteFrom"),
    ],
    [
      "a release that is not an id",
      { release: "Shop 1" },
      "release",
      "is not the id of a release",
      correct("release"),
    ],
    [
      "an invalid release to take over",
      { takeOver: "*" },
      "takeOver",
      "is neither the id of a release nor `unmanaged`",
      correct("takeOver"),
    ],
    [
      "a flag that is neither true nor false",
      { removeVolumes: "no" },
      "removeVolumes",
      "must be true or false",
      correct("removeVolumes"),
    ],
    [
      "a folder on the host with a colon",
      { remoteDir: "/srv/a:b" },
      "remoteDir",
      "has a colon or a control character in it, which docker cannot mount",
      correct("remoteDir"),
    ],
    [
      "a folder on the host with a control character",
      { remoteDir: "/srv/\u001b[31m" },
      "remoteDir",
      "has a colon or a control character in it, which docker cannot mount",
      correct("remoteDir"),
    ],
    [
      "a relative folder on the host",
      { remoteDir: "deploy" },
      "remoteDir",
      "must be an absolute path on the host",
      correct("remoteDir"),
    ],
    ...ints.flatMap(([key, min, max]) =>
      [min - 1, max + 1, "1.5", "-1", "many", true].map(
        (value): [string, RawSettings, string, string, string] => [
          `${key} of ${value}`,
          { [key]: value },
          key,
          `must be a whole number from ${min} to ${max}`,
          correct(key),
        ],
      ),
    ),
  ];
  for (const [name, changes, path, what, todo] of table) {
    it(`refuses ${name}${name.includes(path) ? "" : ` (${path})`}`, () => {
      assert.deepEqual(settingsProblems({ ...minimal, ...changes }), [`everfresh:${path}: ${what}; ${todo}`]);
    });
  }

  it("reports all problems at once, including those between two hosts", () => {
    const problems = settingsProblems({
      hosts: [
        { name: "a", address: "a", user: "u" },
        { name: "a", address: "b b", user: "u", hostKey },
      ],
      registry: { username: "ci" },
      keepReleases: "0",
    });
    assert.deepEqual(
      problems.map((line) => line.slice(0, line.indexOf(": "))),
      [
        "everfresh:composeFile",
        "everfresh:hosts[0].hostKey",
        "everfresh:hosts[1].address",
        "everfresh:registry.address",
        "everfresh:registry.password",
        "everfresh:keepReleases",
        "everfresh:hosts",
      ],
    );
  });

  it("reports every setting of a registry that `transport: ssh` does not use", () => {
    const others = { pullAddress: "10.0.0.1:5000", username: "ci", password: "secret", insecure: true };
    const problems = settingsProblems({ ...minimal, ...overSsh({ address: "r.example.com", ...others }) });
    assert.deepEqual(
      problems.map((line) => line.slice(0, line.indexOf(": "))),
      ["address", ...Object.keys(others)].map((key) => `everfresh:registry.${key}`),
    );
  });

  it("reports what an empty configuration lacks", () => {
    const lacking = ["everfresh:composeFile: ", "everfresh:hosts: ", "everfresh:registry.address: "];
    const problems = settingsProblems({});
    assert.equal(problems.length, lacking.length, problems.join("\n"));
    for (const [i, start] of lacking.entries()) assert.ok(problems[i]!.startsWith(start), problems[i]);
  });
});
