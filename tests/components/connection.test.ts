import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { connection } from "../../components/connection";
import { host } from "./fixtures";

describe("connection", () => {
  it("marks the keys of host and proxy as secrets by itself, whatever the provider does", async () => {
    const { name: _, ...proxyJump } = { ...host, privateKey: "its key" };
    const { privateKey, proxy } = connection({ ...host, proxyJump });
    for (const key of [privateKey, (proxy as { privateKey: pulumi.Output<string> }).privateKey]) {
      assert.ok(pulumi.Output.isInstance(key) && (await pulumi.isSecret(key)));
    }
  });
});
