import assert from "node:assert/strict";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { PushLogin } from "../../adapters/registry-access";
import { pushAccess } from "../../components/push-access";
import type { UntouchedImage } from "../../core/release/plan";
import type { Registry } from "../../core/settings";
import { graph, readable, secret } from "../support/graph";
import { settings } from "./fixtures";

const registry = settings.registry!;
const { username, password, ...withoutLogin } = registry;
const place = (repository: string, usesDockerLogin: boolean): UntouchedImage => ({
  service: repository,
  resources: {
    whole: true,
    repository,
    image: `${repository}:content-1`,
    triggers: {},
    usesDockerLogin,
    tag: { sourceImage: "", targetImage: "" },
  },
});

interface Case {
  registry?: Registry | undefined;
  login?: PushLogin | Error;
  untouched?: UntouchedImage[];
  repository?: string;
}

/** What a push to a repository gets, and the inputs of the provider that was declared for it. */
async function access({
  registry = withoutLogin,
  login = { kind: "none" },
  untouched = [],
  repository = `${registry.address}/shop-web`,
}: Case = {}) {
  const outside = {
    pushLogin: async () => {
      if (login instanceof Error) throw login;
      return login;
    },
  };
  let given: ReturnType<ReturnType<typeof pushAccess>> | undefined;
  const { resources } = await graph(() => {
    const accessOf = pushAccess({ untouched }, { registry }, outside);
    given = accessOf(repository);
    assert.equal(accessOf(repository).provider, given.provider, "one provider for all");
    return { authConfig: pulumi.output(given.authConfig) };
  });
  const [provider] = resources.filter(({ type }) => type === "pulumi:providers:docker");
  assert.equal(provider === undefined, given!.provider === undefined);
  const inputs = provider?.inputs.registryAuth;
  return { ...given!, registryAuth: inputs === undefined ? undefined : JSON.parse(inputs as string) };
}

describe("pushAccess", () => {
  it("gives a push the configured login, as a secret", async () => {
    const { authConfig, registryAuth } = await access({ registry });
    assert.equal(registryAuth, undefined);
    const { resources } = await graph(() => {
      new docker.RegistryImage("web", { name: "web", ...(authConfig && { authConfig }) });
    });
    assert.deepEqual(resources[0]!.inputs.authConfig, {
      address: "registry.example.com:5000",
      username: "ci",
      password: secret("the password"),
    });
    assert.doesNotMatch(JSON.stringify(readable(resources)), /the password/);
  });

  it("needs no login for a registry that exists only while this machine deploys", async () => {
    const address = "127.0.0.1:5000";
    const { authConfig, registryAuth } = await access({
      registry: {
        address,
        pullAddress: address,
        insecure: false,
        local: { port: 5000, image: "registry:2" },
      },
      login: { kind: "usable" },
    });
    assert.equal(registryAuth, undefined);
    const { address: url, username } = authConfig as { address: string; username: string };
    assert.deepEqual([url, username], ["http://127.0.0.1:5000", "anonymous"]);
  });

  it("leaves docker's own login to the provider, which reads it itself", async () => {
    const { authConfig, registryAuth } = await access({ login: { kind: "usable" } });
    assert.equal(authConfig, undefined);
    assert.deepEqual(registryAuth, [{ address: "registry.example.com:5000" }]);
  });

  for (const login of [
    { kind: "none" },
    { kind: "unusable", why: "is odd" },
    new Error("no helper"),
  ] as const)
    it(`needs no file of docker's if there is no login for it to find there (${"kind" in login ? login.kind : login})`, async () => {
      assert.deepEqual((await access({ login })).registryAuth, [
        { address: "registry.example.com:5000", authDisabled: true },
      ]);
    });

  for (const [address, insecure] of [
    ["127.0.0.1:5000/team", false],
    ["registry.example.com:5000", true],
  ] as const)
    it(`speaks HTTP to ${address}${insecure ? ", which is configured as insecure" : ", as the queries to it do"}`, async () => {
      const url = `http://${address.split("/")[0]}`;
      const form = { ...registry, address, insecure };
      assert.equal(((await access({ registry: form })).authConfig as { address: string }).address, url);
      const { registryAuth } = await access({ registry: { ...withoutLogin, address, insecure } });
      assert.equal(registryAuth[0].address, url);
    });

  it("uses the name of Docker Hub that has images", async () => {
    const address = "docker.io/acme";
    assert.deepEqual((await access({ registry: { ...withoutLogin, address } })).registryAuth, [
      { address: "index.docker.io", authDisabled: true },
    ]);
    const { authConfig } = await access({ registry: { ...registry, address } });
    assert.equal((authConfig as { address: string }).address, "index.docker.io");
  });

  describe("for an image that this run does not push", () => {
    const repository = "old.example.com/shop-web";

    it("keeps the login in the state if it comes from another registry", async () => {
      const untouched = [place(repository, false)];
      assert.deepEqual(await access({ untouched, repository }), { isKept: true, registryAuth: undefined });
    });

    it("adds that registry if the state has no login for it", async () => {
      const untouched = [place(repository, true)];
      const { registryAuth } = await access({ untouched, repository, login: { kind: "usable" } });
      assert.deepEqual(registryAuth, [
        { address: "registry.example.com:5000" },
        { address: "old.example.com" },
      ]);
      assert.deepEqual((await access({ registry, untouched, repository })).registryAuth, [
        { address: "old.example.com", authDisabled: true },
      ]);
    });
  });
});
