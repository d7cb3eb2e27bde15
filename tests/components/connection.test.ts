import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { connection } from "../../components/connection";
import { host } from "./fixtures";

describe("connection", () => {
  it("marks the keys of host and proxy as secrets itself, whatever the provider does", async () => {
    const { name: _, ...proxyJump } = { ...host, privateKey: "its key" };
    const { privateKey, proxy } = connection({ ...host, proxyJump });
    for (const key of [privateKey, (proxy as unknown as typeof host).privateKey]) {
      assert.ok(await pulumi.isSecret(pulumi.output(key)));
    }
  });
});
