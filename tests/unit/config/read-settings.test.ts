import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { stringify } from "yaml";
import { withoutStackTrace } from "../../../components/user-error";
import { readSettings } from "../../../config";
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

  it("refuses an unknown or misspelled key", async () => {
    configure({ ...given, keepRelease: 3 }, ["hosts", "registry"]);
    await assert.rejects(
      readSettings(),
      new Problems(["everfresh:keepRelease: is not a setting; correct its name or remove it"]),
    );
  });

  it("refuses all keys and passwords in plain text, without showing them", async () => {
    configure(given, []);
    const line = (path: string) =>
      `everfresh:${path}: is in plain text in the stack's configuration; consider it known to others, ` +
      `replace it, and set it with \`pulumi config set --secret --path 'everfresh:${path}'\``;
    await assert.rejects(
      readSettings(),
      new Problems(["hosts[0].privateKey", "hosts[0].proxyJump.privateKey", "registry.password"].map(line)),
    );
  });

  describe("with the stack's file beside the program", () => {
    const home = process.cwd();
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-settings-"));
      process.chdir(folder);
    });
    afterEach(() => {
      process.chdir(home);
      delete process.env.PULUMI_OPTION_CONFIG_FILE;
      rmSync(folder, { recursive: true });
    });

    const secure = { secure: "v1:x" };
    const two = { ...host, name: "b", address: "b.example.com", proxyJump: undefined };
    const hosts = [host, two];
    const encrypted = [
      { ...host, privateKey: secure, proxyJump: { ...host.proxyJump, privateKey: secure } },
      { ...two, privateKey: secure },
    ];
    const writeTo = (file: string, config: Record<string, unknown>) =>
      writeFileSync(
        file,
        stringify({
          config: Object.fromEntries(
            Object.entries({ composeFile: "compose.yaml", ...config }).map(([key, value]) => [
              `everfresh:${key}`,
              value,
            ]),
          ),
        }),
      );
    /** The settings that are said to be readable, of a stack whose file is this. */
    const readable = async (written: Record<string, unknown>, file = `Pulumi.${pulumi.getStack()}.yaml`) => {
      writeTo(file, written);
      configure({ composeFile: "compose.yaml", hosts, registry }, ["hosts", "registry"]);
      return readSettings().then(
        () => [],
        ({ problems }: Problems) =>
          problems.map((problem) => /^everfresh:([^:]+): is in plain/.exec(problem)?.[1]),
      );
    };
    const secretRegistry = { ...registry, password: secure };

    it("judges each value as the file stores it", async () => {
      assert.deepEqual(await readable({ hosts: encrypted, registry: secretRegistry }), []);
      const plainSecond = [encrypted[0], { ...two }];
      assert.deepEqual(await readable({ hosts: plainSecond, registry: secretRegistry }), [
        "hosts[1].privateKey",
      ]);
      const plainJump = [{ ...encrypted[0], proxyJump: host.proxyJump }, encrypted[1]];
      assert.deepEqual(await readable({ hosts: plainJump, registry: secretRegistry }), [
        "hosts[0].proxyJump.privateKey",
      ]);
      const secretUser = { ...registry, username: secure };
      assert.deepEqual(await readable({ hosts: encrypted, registry: secretUser }), ["registry.password"]);
    });

    it("treats a setting that is encrypted as a whole as secret", async () => {
      assert.deepEqual(await readable({ hosts: secure, registry: secure }), []);
    });

    it("uses the file that Pulumi or `everfresh` was given", async () => {
      process.env.PULUMI_OPTION_CONFIG_FILE = path.join(folder, "other.yaml");
      writeTo(`Pulumi.${pulumi.getStack()}.yaml`, { hosts: encrypted, registry: secretRegistry });
      const written = { hosts: [encrypted[0], two], registry: secretRegistry };
      assert.deepEqual(await readable(written, "other.yaml"), ["hosts[1].privateKey"]);
    });

    it("relies on Pulumi if the file belongs to another stack, lacks the setting, or cannot be read", async () => {
      assert.deepEqual(await readable({ composeFile: "other.yaml", hosts, registry }), []);
      assert.deepEqual(await readable({}), []);
      assert.deepEqual(await readable({ hosts: [{ name: "a" }], registry: {} }), []);
      writeFileSync(`Pulumi.${pulumi.getStack()}.yaml`, "config: [");
      configure({ composeFile: "compose.yaml", hosts, registry }, ["hosts"]);
      await assert.rejects(readSettings(), /^Problems: everfresh:registry\.password: is in plain text/);
    });
  });

  it("refuses a private key in plain text under any key, without showing it", async () => {
    configure({ ...given, registry: { ...registry, username: privateKey } }, ["hosts"]);
    await assert.rejects(readSettings(), ({ problems }: Problems) => {
      assert.deepEqual(
        problems.map((problem) => problem.split(":")[1]),
        ["registry.username", "registry.password"],
      );
      assert.doesNotMatch(problems.join(), /BEGIN/);
      return true;
    });
  });

  it("shows nothing of a structure that it cannot parse", async () => {
    configure({ ...given, hosts: "[{ hunter2" }, ["hosts", "registry"]);
    await assert.rejects(
      readSettings(),
      new Problems([
        "everfresh:hosts: cannot be read as JSON; set it part by part, with `pulumi config set --path`",
      ]),
    );
  });

  for (const hosts of [5, true, "null"])
    it(`refuses ${hosts} as the list of hosts`, async () => {
      configure({ ...given, hosts }, ["hosts", "registry"]);
      await assert.rejects(readSettings(), /^Problems: everfresh:hosts: must be a list of hosts; /);
    });

  it("needs no secret with the SSH agent and an open registry", async () => {
    const { privateKey: _, proxyJump: __, ...bare } = host;
    configure({ ...given, hosts: [bare], registry: { address: "r.example.com" } }, []);
    assert.equal((await readSettings()).hosts[0]!.privateKey, undefined);
  });

  it("names every missing setting if nothing is set", async () => {
    configure({ composeFile: "", hosts: [], registry: {}, keepReleases: 5 }, []);
    await assert.rejects(readSettings(), (error: Problems) => error.problems?.length === 3);
  });
});

describe("withoutStackTrace", () => {
  it("turns a user's mistake into an error that Pulumi shows without a stack trace", () => {
    assert.throws(
      () => withoutStackTrace(new Problems(["a: b; c"])),
      (error) => pulumi.RunError.isInstance(error) && error.message === "a: b; c",
    );
  });

  it("keeps the stack trace of a bug", () => {
    const defect = new TypeError("x");
    assert.throws(
      () => withoutStackTrace(defect),
      (error) => error === defect,
    );
  });
});
