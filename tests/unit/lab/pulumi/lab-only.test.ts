import assert from "node:assert/strict";
import { mustBeAllowed, refusal, registryRefusal } from "../../../../lab/pulumi/lab-only";
import { configuredHosts } from "../../../../lab/pulumi/language-host/configured-hosts";
import { forget, save } from "../../../../lab/state";
import type { Lab } from "../../../../lab/types";

const name = `unit-only-${process.pid}`;
const own = { host: "127.0.0.1", port: 2, hostKey: `ssh-ed25519 ${name}` };

describe("the stand-ins", () => {
  before(() =>
    save({
      name,
      registry: { address: "127.0.0.1:3" },
      hosts: [{ name: "host1", address: own.host, port: own.port, hostKey: own.hostKey, privateKey: "" }],
    } as unknown as Lab),
  );
  after(() => forget(name));

  it("accept a host of the lab, by its address or by its key", async () => {
    assert.equal(await refusal([own]), undefined);
    assert.equal(await refusal([{ ...own, hostKey: undefined }]), undefined);
    assert.equal(await refusal([{ ...own, port: 22 }]), undefined);
    assert.equal(await refusal([]), undefined);
  });

  for (const stranger of [
    { host: "web1.example.com", port: 22, hostKey: "ssh-ed25519 another" },
    { host: "127.0.0.1", port: 22, hostKey: "ssh-ed25519 another" },
    { host: "127.0.0.1", port: 22 },
  ])
    it(`refuse ${stranger.host}:${stranger.port}${stranger.hostKey === undefined ? " without a key" : ""} beside a host of the lab, and say what to do`, async () => {
      assert.match(
        (await refusal([own, stranger]))!,
        /^pulumi: this is the engine with the lab's stand-ins, and \S+:22 is not a host of the lab; install the official Pulumi \(`.*`\), then run `npm run setup`$/,
      );
    });

  it("refuse every registry but the lab's", async () => {
    assert.equal(await registryRefusal("127.0.0.1:3"), undefined);
    assert.match(
      (await registryRefusal("registry.example.com"))!,
      /registry\.example\.com is not a registry/,
    );
    await assert.rejects(mustBeAllowed(registryRefusal("registry.example.com")), /is not a registry/);
  });

  it("read the hosts of a stack from its configuration", () => {
    assert.deepEqual(configuredHosts('[{"address":"a","port":"2","hostKey":"k"},{"address":"b"}]'), [
      { host: "a", port: 2, hostKey: "k" },
      { host: "b", port: 22, hostKey: undefined },
    ]);
  });

  for (const none of [undefined, "", "web1", "{}", "[1]", "[{}]"])
    it(`find no hosts in ${JSON.stringify(none)}`, () => assert.deepEqual(configuredHosts(none), []));
});
