import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { HostTeardown } from "../../components/host-teardown";
import { teardownProgram } from "../../core/host/requests";
import type { Settings } from "../../core/settings";
import { graph, named, outline, secret } from "../support/graph";
import { host, settings } from "./fixtures";

const teardown = (changes: Partial<Settings> = {}) =>
  graph(
    () =>
      void new HostTeardown("web1", {
        host,
        project: "shop",
        lineage: pulumi.output("feedface"),
        settings: { ...settings, ...changes },
      }),
  );

describe("HostTeardown", () => {
  it("is one command below one component", async () => {
    assert.deepEqual(outline(await teardown()), [
      "command:remote:Command web1-down < web1",
      "everfresh:index:HostTeardown web1",
    ]);
  });

  it("acts only when it is destroyed, and is never replaced", async () => {
    const { inputs } = named(await teardown(), "web1-down");
    assert.equal(inputs.create, "cat >/dev/null");
    assert.equal(inputs.delete, `sh -c 'eval "$(cat)"' everfresh teardown`);
    assert.deepEqual(
      ["triggers", "update"].filter((key) => key in inputs),
      [],
    );
  });

  for (const removeVolumes of [false, true]) {
    it(`tells the host to remove only this stack's release, and ${removeVolumes ? "its volumes" : "no volumes"}`, async () => {
      const { inputs } = named(await teardown({ removeVolumes, remoteDir: "/srv/e" }), "web1-down");
      const { stdin } = teardownProgram({
        project: "shop",
        remoteDir: "/srv/e",
        lineage: "feedface",
        host: host.name,
        who: "pulumi destroy",
        from: "acme/everfresh/prod",
        lockWait: 600,
        volumes: removeVolumes,
      });
      assert.equal(inputs.stdin, stdin);
    });
  }

  it("logs in with a secret key, and checks the host's key", async () => {
    assert.deepEqual(
      named(await teardown(), "web1-down").inputs.connection,
      secret({
        host: "web1.example.com",
        port: 2222,
        user: "deploy",
        hostKey: "ssh-ed25519 AAAA",
        privateKey: "the private key",
        dialErrorLimit: 3,
        perDialTimeout: 10,
      }),
    );
  });
});
