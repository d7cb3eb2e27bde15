import assert from "node:assert/strict";
import { presented } from "../../../cli/host-key";

describe("a host key", () => {
  it("has the fingerprint that ssh-keygen prints", () => {
    const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIISFxrwZa7xzvET5GibLHtg8qoHdfOciB4WdsEBIfGPc";
    assert.deepEqual(presented(Buffer.from(line.split(" ")[1]!, "base64")), {
      line,
      fingerprint: "SHA256:yzcb6suwTClDa9PolgdHPfA0gqwymBCMXt7xm2yIaQ0",
    });
  });

  const named = (type: string) => Buffer.from(`\0\0\0${String.fromCharCode(type.length)}${type}\0`);
  const others = [
    Buffer.alloc(0),
    Buffer.from([0, 0]),
    named("ssh-rsa"),
    named("\u001b[31m"),
    named("ssh-ed2551"),
  ];
  for (const blob of others)
    it(`is undefined if a server sends ${JSON.stringify(blob.toString())}, which was not asked for`, () =>
      assert.equal(presented(blob), undefined));
});
