import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import { readRaw } from "../../cli/configuration";
import { project } from "../../cli/project";
import { readSource, stackFile } from "../../cli/stack-file";
import { parseSettings, type Settings, type SshEndpoint } from "../../core/settings";
import { inABox } from "./support/box";
import { anyText, bytes, damaged, damagedText, json, names, secret } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { Refusal, valueOrRefusal } from "./support/refusals";

const privateKey = `-----BEGIN OPENSSH PRIVATE KEY-----\n${secret}\n-----END OPENSSH PRIVATE KEY-----\n`;
const endpoint = {
  address: "web1.example.com",
  port: 22,
  user: "deploy",
  hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
  privateKey,
};
/** A good configuration with every key and every secret. */
const good = {
  composeFile: "compose.yaml, compose.prod.yaml",
  projectName: "shop",
  envFile: ".env.deploy",
  hosts: [
    { name: "web1", ...endpoint, proxyJump: endpoint },
    { name: "web2", ...endpoint, address: "2001:db8::1" },
  ],
  registry: {
    address: "registry.example.com:5000/team",
    pullAddress: "10.0.0.1:5000/team",
    username: "ci",
    password: secret,
    insecure: "true",
  },
  tag: "v1",
  uniqueTag: "true",
  fresh: "1",
  pullBase: "false",
  forceRecreate: "1",
  promoteFrom: "org/shop/staging",
  release: "r1-36a2fe2d",
  takeOver: "unmanaged",
  removeVolumes: "false",
  keepReleases: "5",
  remoteDir: "/srv/everfresh",
  lockWait: "600",
  healthTimeout: "120",
  settle: "1",
};
const config = Object.fromEntries(
  Object.entries(good).map(([key, value]) => [
    `everfresh:${key}`,
    typeof value === "string" ? { value, secret: false } : { objectValue: value, secret: true },
  ]),
);

/** A value of one key, hostile in itself, where a person would have put it. */
const oneSetting = fc
  .tuple(fc.constantFrom(...Object.keys(good), ...names), fc.oneof(anyText, json))
  .map(([key, value]) => Object.fromEntries([...Object.entries(good), [key, value]]));

describe("hostile settings", function () {
  this.timeout(patienceFor(60_000));
  const box = inABox();

  it("are taken, or refused in our own words without a secret", () =>
    tryAll("settings", 400, fc.oneof(damaged(good), oneSetting), async (raw) => {
      const settings = await valueOrRefusal(() => parseSettings(raw as Record<string, unknown>));
      if (!(settings instanceof Refusal)) assertCarried(settings);
    }));

  it("of any shape at all are refused in our own words", () =>
    tryAll("settings", 60, json, async (raw) => {
      const given = typeof raw === "object" && raw !== null ? (raw as Record<string, unknown>) : {};
      await valueOrRefusal(() => parseSettings(given));
    }));

  it("in pulumi's output are read, or refused in our own words", () => {
    const printed = fc.oneof(
      damaged(config).map((each) => JSON.stringify(each)),
      damagedText(JSON.stringify(config)),
      json.map((each) => JSON.stringify(each)),
    );
    return tryAll("settings", 120, printed, (text) => valueOrRefusal(() => readRaw(text)));
  });

  it("in a stack's file are read, or refused in our own words without a secret", () => {
    const file = path.join(box.own, "Pulumi.test.yaml");
    const document = {
      config: Object.fromEntries(Object.entries(good).map(([k, v]) => [`everfresh:${k}`, v])),
    };
    const text = stringify(document);
    const content = fc.oneof(
      { weight: 3, arbitrary: damaged(document).map((each) => Buffer.from(JSON.stringify(each))) },
      { weight: 4, arbitrary: damagedText(text).map((each) => Buffer.from(each)) },
      { weight: 1, arbitrary: fc.constantFrom(...bombs).map((each) => Buffer.from(each)) },
      { weight: 2, arbitrary: bytes },
    );
    return tryAll("settings", 80, content, async (content) => {
      writeFileSync(file, content);
      const source = await valueOrRefusal(() => readSource(file));
      if (source instanceof Refusal) return;
      for (const one of [...source.composeFiles, source.projectName ?? "", source.envFile ?? ""])
        assert.equal(typeof one, "string");
      if (source.registry) assert.equal(typeof source.registry.address, "string");
    });
  });

  it("never name a stack whose file is elsewhere", () =>
    tryAll("settings", 150, anyText, async (stack) => {
      const file = await valueOrRefusal(() => stackFile({ stack }));
      if (file instanceof Refusal || file === undefined) return;
      assert.equal(path.dirname(path.resolve(file)), project);
    }));
});

/** YAML that means far more than it says. */
const bombs = [
  `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghij"
    .split("")
    .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${"abcdefghij"[i]}`).join(",")}]`)
    .join("\n")}\nconfig: *j\n`,
  `config: ${"[".repeat(6000)}`,
  `config: ${"{a: ".repeat(2000)}`,
  "config: &a { everfresh:composeFile: *a }\n",
  "config: &a [*a]\n",
  "config: !!js/function 'x'\n",
  `config:\n  everfresh:registry: { password: !!js/function ${secret} }\n`,
  "config: !!binary AAAA\n",
  "config: !!set { a, b }\n",
  "config: null\n---\nconfig: 1\n",
  `config:\n  everfresh:registry: {password: ${secret}\n`,
  `config:\n  everfresh:registry: "${secret}\n`,
  `config:\n  everfresh:hosts:\n  - privateKey: ${secret}\n   name: x\n`,
];

/** What is accepted can be handed on: to SSH, to a registry, to the host's program, to a terminal. */
function assertCarried(settings: Settings): void {
  for (const { proxyJump, ...host } of settings.hosts) {
    assert.match(host.name, /^[a-z0-9][a-z0-9-]*$/);
    for (const each of proxyJump ? [host, proxyJump] : [host]) assertEndpoint(each);
  }
  const { registry, remoteDir, tag, release, takeOver, promoteFrom, projectName, fresh, forceRecreate } =
    settings;
  for (const address of registry ? [registry.address, registry.pullAddress] : [])
    assert.match(address, /^[a-zA-Z0-9][a-zA-Z0-9.:/_-]*$/);
  if (remoteDir !== undefined) assert.match(remoteDir, /^\/[^\p{Cc}\u2028\u2029:]*$/u);
  if (tag !== undefined) assert.match(tag, /^\w[\w.-]{0,127}$/);
  for (const id of [release, takeOver, projectName])
    if (id !== undefined) assert.match(id, /^[a-z0-9][a-z0-9_-]*$/);
  if (promoteFrom !== undefined) assert.match(promoteFrom, /^[\w.-]+(\/[\w.-]+){0,2}$/);
  for (const nonce of [fresh, forceRecreate]) if (nonce !== undefined) assert.match(nonce, /^[^\r\n]+$/);
  for (const seconds of [settings.lockWait, settings.healthTimeout, settings.settle, settings.keepReleases])
    assert.ok(Number.isInteger(seconds) && seconds >= 0 && seconds <= 86_400);
}

function assertEndpoint({ address, port, user, hostKey }: SshEndpoint): void {
  assert.match(address, /^[A-Za-z0-9._:][A-Za-z0-9._:-]*$/);
  assert.ok(Number.isInteger(port) && port > 0 && port < 65_536);
  assert.match(user, /^[A-Za-z0-9._][A-Za-z0-9._-]*$/);
  assert.match(hostKey, /^(ssh-ed25519|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/]+=*( .*)?$/);
}
