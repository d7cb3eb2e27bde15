import assert from "node:assert/strict";
import * as docker from "@pulumi/docker";
import { RegistryPush, type RegistryPushArgs } from "../../components/registry-push";
import { graph, named, outline, type Provider, reveal } from "../support/graph";
import { content, digest, imageId, providers } from "./fixtures";

const image = `registry.example.com:5000/team/shop-web:content-${content.slice(0, 32)}`;
const args: RegistryPushArgs = {
  image,
  imageId,
  content,
  repository: "registry.example.com:5000/team/shop-web",
  tag: "1a2b3c4",
  access: {},
};
const push = (changes: Partial<RegistryPushArgs> = {}, provider: Provider = providers) =>
  graph(() => ({ digest: new RegistryPush("web", { ...args, ...changes }).digest }), { provider });

describe("RegistryPush", () => {
  it("pushes the image by its content hash, and then by its readable tag", async () => {
    const { resources, result } = await push();
    assert.deepEqual(outline({ resources }), [
      "docker:index/registryImage:RegistryImage web-push < web",
      "docker:index/registryImage:RegistryImage web-push-tag < web",
      "docker:index/tag:Tag web-tag < web",
      "everfresh:index:RegistryPush web",
    ]);
    assert.equal(named({ resources }, "web-push").inputs.name, image);
    assert.deepEqual(named({ resources }, "web-tag").inputs, {
      sourceImage: imageId,
      targetImage: "registry.example.com:5000/team/shop-web:1a2b3c4",
    });
    const tagged = named({ resources }, "web-push-tag");
    assert.equal(tagged.inputs.name, "registry.example.com:5000/team/shop-web:1a2b3c4");
    // One after the other, because both at once would send the same layers twice.
    assert.deepEqual(tagged.dependencies, ["web-push", "web-tag"]);
    assert.deepEqual(result, { digest });
  });

  it("pushes again exactly when the content changes, and never deletes from the registry", async () => {
    const other = "0c".repeat(32);
    for (const [changes, expected] of [
      [{}, content],
      [{ content: other }, other],
      [{ tag: "5d6e7f8" }, content],
    ] as const) {
      const pushed = await push(changes);
      for (const name of ["web-push", "web-push-tag"]) {
        assert.deepEqual(named(pushed, name).inputs.triggers, { content: expected });
        assert.equal(named(pushed, name).inputs.keepRemotely, true);
      }
    }
  });

  it("is left to the provider that has docker's own login", async () => {
    const pushed = await graph(
      () => {
        const provider = new docker.Provider("registry", {});
        new RegistryPush("web", { ...args, access: { provider } });
      },
      { provider: providers },
    );
    for (const name of ["web-push", "web-push-tag"]) {
      assert.equal(named(pushed, name).provider, "registry");
      assert.ok(!("authConfig" in named(pushed, name).inputs));
    }
    assert.equal(named(pushed, "web-tag").provider, undefined);
  });

  it("logs in with what it is given", async () => {
    const authConfig = { address: "registry.example.com:5000", username: "ci", password: "the password" };
    const pushed = await push({ access: { authConfig } });
    for (const name of ["web-push", "web-push-tag"]) {
      const { authConfig: given, ...inputs } = named(pushed, name).inputs;
      assert.deepEqual(reveal(given), authConfig);
      assert.deepEqual(Object.keys(inputs).sort(), ["keepRemotely", "name", "triggers"]);
    }
  });

  for (const wrong of [
    "",
    "<none>@<none>",
    `registry/web@${digest}`,
    digest.slice(0, -1),
    digest.toUpperCase(),
  ]) {
    it(`refuses ${JSON.stringify(wrong)} as a digest`, async () => {
      const provider: Provider = (resource) => ({ ...providers(resource), sha256Digest: wrong });
      const message = `${image}: the registry reports \`${wrong}\` instead of a digest; run \`pulumi up\` again`;
      await assert.rejects(push({}, provider), (error: Error) => error.message.endsWith(message));
    });
  }

  it("takes the digest from the push by content hash, not from the push by tag", async () => {
    const provider: Provider = (resource) =>
      resource.name === "web-push-tag" ? { sha256Digest: `sha256:${"ee".repeat(32)}` } : providers(resource);
    assert.deepEqual((await push({}, provider)).result, { digest });
  });
});
