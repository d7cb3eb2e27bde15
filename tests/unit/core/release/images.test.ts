import assert from "node:assert/strict";
import type { IdentifiedBuild } from "../../../../core/release/builds";
import { readDeployed } from "../../../../core/release/deployed";
import {
  type ContentFacts,
  decideImages,
  deployedImage,
  wantsNoCache,
} from "../../../../core/release/images";

const image = (content: string) => ({
  content,
  digest: `sha256:${content}`,
  ref: `old.example/shop-web@${content}`,
});
const build = (content: string, noCache = false) =>
  ({ name: "web", identity: { content }, buildOptions: { noCache } }) as unknown as IdentifiedBuild;

describe("decideImages", () => {
  const changed = (content: string, more: { noCache?: boolean; found?: boolean } = {}): ContentFacts => ({
    kind: "new",
    build: build(content),
    place: { push: "new.example/shop-web", pull: "pull.example/shop-web" },
    cause: "1 file",
    noCache: more.noCache ?? false,
    found: more.found ? image(content) : undefined,
  });
  const deployed = (content: string): ContentFacts => ({ kind: "deployed", image: image(content) });

  const table: [string, Record<string, ContentFacts>, Record<string, string>][] = [
    ["keeps what the stack has deployed", { a: deployed("1") }, { a: "kept" }],
    [
      "builds content that no one has built",
      { a: changed("1"), b: changed("2") },
      { a: "build", b: "build" },
    ],
    [
      "uses an image that the registry already has",
      { a: changed("1", { found: true }) },
      { a: "inRegistry" },
    ],
    [
      "builds without the cache when asked to, even if the registry has the content",
      { a: changed("1", { found: true, noCache: true }) },
      { a: "build" },
    ],
    [
      "builds one content once",
      { a: changed("1"), b: changed("1"), c: changed("1") },
      { a: "build", b: "sameAs a", c: "sameAs a" },
    ],
    [
      "gives a new service the image of a deployed one with the same content",
      { a: changed("1"), b: deployed("1") },
      { a: "sameAs b", b: "kept" },
    ],
    [
      "keeps two deployed images with the same content",
      { a: deployed("1"), b: deployed("1") },
      { a: "kept", b: "kept" },
    ],
    [
      "shares an image from the registry",
      { a: changed("1"), b: changed("1", { found: true }) },
      { a: "sameAs b", b: "inRegistry" },
    ],
    [
      "shares the build without the cache, if any service asks for one",
      { a: changed("1"), b: changed("1", { found: true }), c: changed("1", { noCache: true }) },
      { a: "sameAs c", b: "sameAs c", c: "build" },
    ],
  ];
  for (const [what, contents, expected] of table) {
    it(what, () => {
      const decisions = Object.entries(decideImages(contents)).map(([name, decision]) => [
        name,
        decision.kind === "sameAs" ? `sameAs ${decision.service}` : decision.kind,
      ]);
      assert.deepEqual(Object.fromEntries(decisions), expected);
    });
  }
});

describe("deployedImage", () => {
  const registry = { address: "new.example", pullAddress: "pull.example" };
  const place = { push: "new.example/shop-web", pull: "pull.example/shop-web" };
  const urn = (type: string, name: string) => `urn:pulumi:prod::everfresh::${type}::${name}`;
  /** The state that a build of a content leaves behind. */
  const resources = (content: string, repository = "new.example/shop-web") => {
    const outputs = { name: `${repository}:content-${content}`, triggers: { content } };
    const parent = "everfresh:index:ContentImage";
    return [
      { urn: urn(parent, "web"), outputs: {} },
      { urn: urn(`${parent}$docker:index/remoteImage:RemoteImage`, "web-build"), outputs },
      { urn: urn("a$docker:index/registryImage:RegistryImage", "web-push"), outputs },
      { urn: urn("a$docker:index/tag:Tag", "web-tag"), outputs: {} },
      { urn: urn("a$docker:index/registryImage:RegistryImage", "web-push-tag"), outputs },
    ];
  };
  const memory = (registry: string) => ({
    urn: urn("everfresh:index:Memory", "memory"),
    outputs: { registry },
  });
  const outputs = { images: { web: image("1") } };
  const kept = { ...image("1"), ref: "pull.example/shop-web@1" };

  const table: [string, Parameters<typeof readDeployed>, boolean][] = [
    ["is kept if this stack never built it", [outputs, []], true],
    ["is kept if all of its resources are in the state", [outputs, resources("1")], true],
    ["is kept beside the resources of an earlier build", [outputs, resources("0")], true],
    ["is kept in the registry that it was pushed to", [outputs, [memory("new.example")]], true],
    [
      "is looked up if `pulumi refresh` found a part of it missing",
      [outputs, resources("1").slice(0, 3)],
      false,
    ],
    [
      "is looked up if its push belongs to different content",
      [outputs, resources("1").with(2, { ...resources("0")[2]! })],
      false,
    ],
    ["is looked up if the registry has changed", [outputs, [memory("old.example")]], false],
    ["is looked up if the repository has changed", [outputs, resources("1", "old.example/shop-web")], false],
    ["is looked up if its content differs", [{ images: { web: image("2") } }, []], false],
  ];
  for (const [what, state, isKept] of table) {
    it(what, () => {
      const found = deployedImage("web", "1", readDeployed(...state), registry, place);
      assert.deepEqual(found, isKept ? kept : undefined);
    });
  }
});

describe("wantsNoCache", () => {
  const deployed = (fresh?: string) => ({
    ...readDeployed({}, []),
    fresh: (fresh === undefined ? {} : { web: fresh }) as Record<string, string>,
  });
  const table: [string, boolean, string | undefined, string | undefined, boolean][] = [
    ["is true if the compose file says so", true, undefined, undefined, true],
    ["is true when `fresh` is set", false, "today", undefined, true],
    ["is true when `fresh` changes", false, "today", "yesterday", true],
    ["is false while `fresh` stays the same", false, "today", "today", false],
    ["is false when `fresh` is removed", false, undefined, "today", false],
  ];
  for (const [what, noCache, fresh, before, wanted] of table) {
    it(what, () => assert.equal(wantsNoCache(build("1", noCache), fresh, deployed(before)), wanted));
  }
});
