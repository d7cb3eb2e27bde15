import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { ComposeDeploy, type ComposeDeployArgs } from "../../components/compose-deploy";
import { HostTeardown } from "../../components/host-teardown";
import { keptRelease } from "../../components/release";
import type { Judgement } from "../../core/host/judge";
import { deployProgram } from "../../core/host/requests";
import type { Provenance } from "../../core/release/deployed";
import type { Host, Settings } from "../../core/settings";
import { graph, isSecret, named, outline, type Provider, readable, reveal } from "../support/graph";
import { host, providers, report, settings } from "./fixtures";

const provenance: Provenance = { tag: "1a2b3c4", who: "ada", from: "laptop" };
const judgement: Judgement = { token: "the token", drift: [], notes: [] };

interface World {
  release?: string;
  judgement?: Partial<Judgement>;
  host?: Partial<Host>;
  settings?: Partial<Settings>;
  provenance?: Partial<Provenance>;
}

function deploy(changes: World = {}, provider: Provider = providers) {
  return graph(
    () => {
      const args: ComposeDeployArgs = {
        host: { ...host, ...changes.host },
        release: keptRelease(
          { id: changes.release ?? "shop-1", project: "shop" },
          { ...provenance, ...changes.provenance },
        ),
        lineage: pulumi.output("feedface"),
        state: {},
        judgement: { ...judgement, ...changes.judgement },
        settings: { ...settings, ...changes.settings },
      };
      const { host: to, lineage } = args;
      const teardown = new HostTeardown("web1", {
        host: to,
        project: "shop",
        lineage,
        settings: args.settings,
      });
      return { result: new ComposeDeploy("web1", args, { dependsOn: teardown }).result };
    },
    { provider },
  );
}
const command = async (changes: World = {}) => named(await deploy(changes), "web1-up").inputs;

describe("ComposeDeploy", () => {
  it("is one command below one component, after the teardown", async () => {
    const deployed = await deploy();
    assert.deepEqual(outline(deployed), [
      "command:remote:Command web1-down < web1",
      "command:remote:Command web1-up < web1",
      "everfresh:index:ComposeDeploy web1",
      "everfresh:index:HostTeardown web1",
    ]);
    const component = deployed.resources.find(({ type }) => type === "everfresh:index:ComposeDeploy")!;
    assert.deepEqual(component.dependencies, ["web1-down"]);
  });

  it("has a short command free of secrets, and nothing to run when it is replaced", async () => {
    const { create, update, delete: removed, environment } = await command();
    assert.equal(create, `sh -c 'eval "$(cat)"' everfresh deploy`);
    assert.equal(update, `sh -c 'eval "$(cat)"' everfresh report`);
    assert.deepEqual([removed, environment], [undefined, undefined]);
  });

  it("sends the whole request as a secret, on stdin", async () => {
    const { stdin, addPreviousOutputInEnv, logging } = await command({ settings: { takeOver: "unmanaged" } });
    assert.ok(isSecret(stdin));
    const { registry: _, ...wanted } = settings;
    assert.equal(
      reveal(stdin),
      deployProgram({
        release: { kept: "shop-1", project: "shop" },
        token: "the token",
        lineage: "feedface",
        host: host.name,
        who: "ada",
        from: "laptop",
        stack: "acme/everfresh/prod",
        takeOver: "unmanaged",
        keepReleases: wanted.keepReleases,
        lockWait: wanted.lockWait,
        healthTimeout: wanted.healthTimeout,
        settle: wanted.settle,
        registry: { address: "10.0.0.1:5000", username: "ci", password: "the password" },
      }).stdin,
    );
    // Otherwise what the program prints would reach the next one's environment, and the terminal.
    assert.deepEqual([addPreviousOutputInEnv, logging], [false, "stderr"]);
  });

  it("shows no secret to someone who can read the state", async () => {
    const { resources } = await deploy();
    const shown = JSON.stringify(resources.map(({ inputs }) => readable(inputs)));
    assert.doesNotMatch(shown, /the password|the private key/);
    assert.match(shown, /everfresh deploy/);
  });

  it("checks the keys of the host and of the proxy, and gives up dialling soon", async () => {
    const { name: _, ...endpoint } = host;
    const proxyJump = {
      ...endpoint,
      address: "jump",
      port: 22,
      hostKey: "ssh-ed25519 BBBB",
      privateKey: "its key",
    };
    const { connection } = await command({ host: { proxyJump } });
    const limits = { dialErrorLimit: 3, perDialTimeout: 10 };
    assert.deepEqual(reveal(connection), {
      host: "web1.example.com",
      port: 2222,
      user: "deploy",
      hostKey: "ssh-ed25519 AAAA",
      privateKey: "the private key",
      ...limits,
      proxy: {
        host: "jump",
        port: 22,
        user: "deploy",
        hostKey: "ssh-ed25519 BBBB",
        privateKey: "its key",
        ...limits,
      },
    });
    assert.doesNotMatch(JSON.stringify(readable(connection)), /its key|the private key/);
  });

  it("leaves the key to the SSH agent if none is given", async () => {
    const { connection } = await command({ host: { privateKey: undefined } });
    assert.ok(!("privateKey" in (reveal(connection) as object)));
  });

  const replacing: [string, World][] = [
    ["the release changes", { release: "shop-2" }],
    ["the host's token changes", { judgement: { token: "drift: web is missing (after 1)" } }],
  ];
  for (const [name, changes] of replacing) {
    it(`is replaced when ${name}`, async () => {
      const [before, after] = [await command(), await command(changes)];
      assert.notDeepEqual(after.triggers, before.triggers);
      assert.ok(!isSecret(after.triggers), "a secret trigger would be left out of the preview");
    });
  }

  const updating: [string, World][] = [
    ["the login key", { host: { privateKey: "a rotated key" } }],
    ["the registry's password", { settings: { registry: { ...settings.registry!, password: "rotated" } } }],
    ["the address of the host", { host: { address: "10.0.0.2" } }],
    ["how many releases are kept", { settings: { keepReleases: 2 } }],
    ["who deploys", { provenance: { who: "bob", from: "ci" } }],
    ["what a person should know", { judgement: { notes: ["web is unhealthy"] } }],
  ];
  for (const [name, changes] of updating) {
    it(`is not replaced when ${name} changes`, async () => {
      const [before, after] = [await command(), await command(changes)];
      assert.deepEqual(after.triggers, before.triggers);
      assert.deepEqual(after.triggers, [{ release: "shop-1", host: "the token" }]);
      assert.equal(after.create, before.create);
    });
  }

  it("warns of drift, and of what a person should know", async () => {
    const { log } = await deploy({ judgement: { drift: ["web is missing"], notes: ["api is unhealthy"] } });
    assert.deepEqual(
      log.filter(({ severity }) => severity === "warning").map(({ message }) => message),
      ["web1: web is missing", "web1: api is unhealthy"],
    );
  });

  it("outputs what the host proved, without what differs from run to run", async () => {
    const { seconds: _, ...proved } = JSON.parse(report("0a0b0c0d"));
    assert.deepEqual((await deploy()).result, { result: proved });
  });

  it("finds what the host proved, whatever its login and logout scripts print", async () => {
    const { seconds: _, ...proved } = JSON.parse(report("0a0b0c0d"));
    const stdout = `Welcome!\n{"release": "motd"}\n${report("0a0b0c0d")}\nbye`;
    const provider: Provider = (resource) => ({ ...providers(resource), stdout });
    assert.deepEqual((await deploy({}, provider)).result, { result: proved });
  });

  it("fails once when the host proves nothing; the next run learns from the outputs that it has to deploy again", async () => {
    for (const stdout of ["", "deployed!", "{}", "[]", '{"release":1}', report("r1").slice(0, -9)]) {
      const provider: Provider = (resource) => ({ ...providers(resource), stdout });
      const { log, result } = await deploy({}, provider);
      assert.equal(process.exitCode, 32, "the run is red");
      process.exitCode = undefined;
      assert.deepEqual(
        log.filter(({ severity }) => severity === "error").map(({ message }) => message),
        ["web1: its answer to the last deployment cannot be read; run `pulumi up` again"],
        stdout,
      );
      assert.deepEqual(result, { result: { release: "", verifiedAt: "", services: {} } });
    }
  });

  it("fails when the request cannot be sent to a host", async () => {
    await assert.rejects(
      deploy({ provenance: { who: "a\nb" } }),
      /user name: "a\\nb" cannot be sent to a host/,
    );
  });
});
