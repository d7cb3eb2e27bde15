import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { readSettings, withoutStackTrace } from "../../../config";
import { Problems } from "../../../core/problems";

const privateKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
const endpoint = { address: "a.example.com", user: "deploy", hostKey: "ssh-ed25519 AAAA" };
const host = { name: "a", ...endpoint, privateKey, proxyJump: { ...endpoint, privateKey } };
const registry = { address: "r.example.com", username: "ci", password: "s3cret" };

/** Hands a configuration over as the Pulumi engine does: each value as text. */
function configure(values: Record<string, unknown>, secretKeys: string[]): void {
  const asText = Object.entries(values).map(([key, value]) => [
    `everfresh:${key}`,
    typeof value === "object" ? JSON.stringify(value) : String(value),
  ]);
  const secret = secretKeys.map((key) => `everfresh:${key}`);
  pulumi.runtime.setAllConfig(Object.fromEntries(asText), secret);
  process.env.PULUMI_CONFIG_SECRET_KEYS = JSON.stringify(secret);
}

describe("readSettings", () => {
  afterEach(() => {
    pulumi.runtime.setAllConfig({});
    delete process.env.PULUMI_CONFIG_SECRET_KEYS;
  });

  const given = { composeFile: "compose.yaml", hosts: [host], registry, keepReleases: 7, pullBase: true };

  it("reads every kind of value from the stack's configuration", async () => {
    configure(given, ["hosts", "registry"]);
    const settings = await readSettings();
    assert.deepEqual(settings.composeFiles, ["compose.yaml"]);
    assert.deepEqual(settings.hosts, [{ ...host, port: 22, proxyJump: { ...host.proxyJump, port: 22 } }]);
    assert.deepEqual(settings.registry, { ...registry, pullAddress: "r.example.com", insecure: false });
    assert.equal(settings.keepReleases, 7);
    assert.equal(settings.pullBase, true);
  });

  it("reads a plain key that was set as a secret", async () => {
    configure({ ...given, fresh: "nonce" }, ["hosts", "registry", "fresh"]);
    assert.equal((await readSettings()).fresh, "nonce");
  });

  it("refuses a key that is none, as a misspelled one would be", async () => {
    configure({ ...given, keepRelease: 3 }, ["hosts", "registry"]);
    await assert.rejects(
      readSettings(),
      new Problems(["everfresh:keepRelease: is not a setting; correct its name or remove it"]),
    );
  });

  it("refuses keys and passwords in plain text, all of them, without showing them", async () => {
    configure(given, []);
    const line = (path: string) =>
      `everfresh:${path}: is in plain text in the stack's configuration; consider it known to others, ` +
      `replace it, and set it with \`pulumi config set --secret --path 'everfresh:${path}'\``;
    await assert.rejects(
      readSettings(),
      new Problems(["hosts[0].privateKey", "hosts[0].proxyJump.privateKey", "registry.password"].map(line)),
    );
  });

  it("needs no secret where the SSH agent and an open registry are used", async () => {
    const { privateKey: _, proxyJump: __, ...bare } = host;
    configure({ ...given, hosts: [bare], registry: { address: "r.example.com" } }, []);
    assert.equal((await readSettings()).hosts[0]!.privateKey, undefined);
  });

  it("names what is missing when nothing is set", async () => {
    configure({ composeFile: "", hosts: [], registry: {}, keepReleases: 5 }, []);
    await assert.rejects(readSettings(), (error: Problems) => error.problems?.length === 3);
  });
});

describe("withoutStackTrace", () => {
  it("makes of a user's mistake what Pulumi shows as it is", () => {
    assert.throws(
      () => withoutStackTrace(new Problems(["a: b; c"])),
      (error) => pulumi.RunError.isInstance(error) && error.message === "a: b; c",
    );
  });

  it("leaves a defect its stack trace", () => {
    const defect = new TypeError("x");
    assert.throws(
      () => withoutStackTrace(defect),
      (error) => error === defect,
    );
  });
});
