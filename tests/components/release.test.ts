import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { keptRelease, Release, type ReleaseArgs } from "../../components/release";
import type { ReferencedFile } from "../../core/compose/project";
import { readProject } from "../../core/compose/read-project";
import type * as wire from "../../core/host/types";
import type { Ingredients } from "../../core/release/assemble";
import type { Provenance } from "../../core/release/deployed";
import { printed } from "../support/compose";
import { graph, isSecret, named, outline, reveal } from "../support/graph";
import { content, digest, providers } from "./fixtures";

const provenance: Provenance = {
  tag: "1a2b3c4",
  commit: "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
  dirty: false,
  who: "ada",
  from: "laptop",
};
const key = "5e".repeat(32);

interface Shop {
  folder?: string;
  conf?: string;
  executable?: boolean;
  token?: string;
  command?: string;
  verify?: string;
  content?: string;
  digest?: string;
  /** What was decided about the image. */
  kind?: "kept" | "promoted";
  forceRecreate?: string;
  more?: Record<string, unknown>;
}

/** A project with a built image, a named image, a mounted file and a secret. */
function shop(changes: Shop = {}): Pick<ReleaseArgs, "ingredients" | "decisions" | "images"> {
  const { folder = "/srv/shop", conf = "level = 1\n", token = "s3cret", executable = false } = changes;
  const services = {
    web: {
      build: { context: `${folder}/web`, dockerfile: "Dockerfile", secrets: [{ source: "npm" }] },
      command: [changes.command ?? "serve"],
      depends_on: { redis: { condition: "service_started", restart: true } },
      volumes: [{ type: "bind", source: `${folder}/conf`, target: "/etc/conf" }],
      secrets: [{ source: "token" }],
      "x-everfresh": { verify: { file: { path: "/etc/conf", contains: changes.verify ?? "level" } } },
    },
    redis: { image: "redis:7" },
  };
  const document = {
    name: "shop",
    services,
    secrets: { npm: { file: `${folder}/npm` }, token: { file: `${folder}/token` } },
    ...changes.more,
  };
  const written = { services: { web: { volumes: [{ source: "./conf", target: "/etc/conf" }] } } };
  const project = readProject({
    ...printed(document, written),
    folder,
    environment: {},
  });
  const bytes = (file: ReferencedFile) => Buffer.from(file.key === "secrets.token" ? token : conf);
  const ingredients: Ingredients = {
    project,
    hostPaths: new Map(),
    files: project.files.map((file) => ({
      file,
      entries: [{ type: "file", path: file.name, executable, bytes: bytes(file) }],
    })),
    followed: {},
    rollouts: {},
    transport: "registry",
    forceRecreate: changes.forceRecreate,
  };
  const pushed = changes.digest ?? digest;
  const image = {
    content: changes.content ?? content,
    digest: pushed,
    ref: `registry.example.com/shop-web@${pushed}`,
  };
  return {
    ingredients,
    decisions: { web: { kind: changes.kind ?? "kept", image } },
    images: { web: { ...image, digest: pulumi.output(image.digest), ref: pulumi.output(image.ref) } },
  };
}

/** Declares a release, and returns the release that a host would receive together with the graph. */
async function declare(changes: Shop = {}, more: Partial<ReleaseArgs> = {}) {
  const declared = await graph(
    () => {
      const release = new Release("release", {
        ...shop(changes),
        key,
        provenance,
        deployed: { layers: {} },
        layersOf: async () => undefined,
        ...more,
      });
      const told = release.apply(async (release, { who, from }) => JSON.stringify({ release, who, from }));
      return { told, id: release.id, provenance: release.provenance };
    },
    { provider: providers },
  );
  const { release, who, from } = JSON.parse(declared.result.told) as {
    release: wire.Release;
    who: string;
    from: string;
  };
  return { ...declared, release, who, from };
}
const keepersOf = async (changes: Shop = {}, more: Partial<ReleaseArgs> = {}) =>
  reveal(named(await declare(changes, more), "release-id").inputs.keepers) as Record<string, string>;

describe("Release", () => {
  it("is an id below one component", async () => {
    const declared = await declare();
    assert.deepEqual(outline(declared), [
      "everfresh:index:Release release",
      "random:index/randomId:RandomId release-id < release",
    ]);
    assert.equal(declared.result.id, "0a0b0c0d");
  });

  it("lists in its keepers what it depends on, in plain text so that a preview can show it", async () => {
    const { keepers } = named(await declare(), "release-id").inputs;
    assert.ok(!isSecret(keepers));
    assert.deepEqual(Object.keys(keepers as object).sort(), [
      "compose file",
      "image web",
      "secrets.token",
      "services.web.volumes (/etc/conf)",
    ]);
  });

  const changing: [string, Shop, Partial<ReleaseArgs>, string][] = [
    ["the content of an image", { content: "0c".repeat(32) }, {}, "image web"],
    ["a mounted file", { conf: "level = 2\n" }, {}, "services.web.volumes (/etc/conf)"],
    ["a secret", { token: "other" }, {}, "secrets.token"],
    ["the compose file", { command: "serve --fast" }, {}, "compose file"],
    ["a check", { verify: "level = 1" }, {}, "compose file"],
    ["a network", { more: { networks: { a: {} } } }, {}, "compose file"],
    ["forceRecreate", { forceRecreate: "today" }, {}, "compose file"],
  ];
  for (const [name, changes, more, keeper] of changing) {
    it(`gets a new id when ${name} changes, and says why`, async () => {
      const [before, after] = [await keepersOf(), await keepersOf(changes, more)];
      assert.deepEqual(
        Object.keys(after).filter((key) => after[key] !== before[key]),
        [keeper],
      );
      assert.deepEqual(Object.keys(after), Object.keys(before));
    });
  }

  it("gets a new id when the executable bit of a mounted file changes", async () => {
    const [before, after] = [await keepersOf(), await keepersOf({ executable: true })];
    assert.notEqual(after["services.web.volumes (/etc/conf)"], before["services.web.volumes (/etc/conf)"]);
  });

  const calm: [string, Shop, Partial<ReleaseArgs>][] = [
    ["another checkout folder", { folder: "/home/ada/elsewhere" }, {}],
    ["another commit", {}, { provenance: { ...provenance, commit: "00".repeat(20), tag: "0000000" } }],
    ["a dirty tree", {}, { provenance: { ...provenance, dirty: true } }],
    ["another user on another machine", {}, { provenance: { ...provenance, who: "bob", from: "ci" } }],
    ["what was deployed before", {}, { deployed: { madeRelease: "ffffffff", provenance, layers: {} } }],
    ["another digest of the same content", { digest: `sha256:${"ab".repeat(32)}` }, {}],
    ["an extension field", { more: { "x-note": "anything" } }, {}],
    [
      "a secret that only the build uses",
      { more: { secrets: { npm: { file: "/k/npm" }, token: { file: "/srv/shop/token" } } } },
      {},
    ],
  ];
  for (const [name, changes, more] of calm) {
    it(`stays the same with ${name}`, async () => {
      assert.deepEqual(await keepersOf(changes, more), await keepersOf());
    });
  }

  it("depends on the digest of a promoted image, because the other stack may have another digest of the same content", async () => {
    const other = `sha256:${"ab".repeat(32)}`;
    const before = await keepersOf({ kind: "promoted" });
    const after = await keepersOf({ kind: "promoted", digest: other });
    assert.deepEqual([before["image web"], after["image web"]], [digest, other]);
  });

  it("reveals nothing about a secret without its key", async () => {
    const [ours, other] = [await keepersOf(), await keepersOf({}, { key: "00".repeat(32) })];
    assert.equal(other["image web"], ours["image web"]);
    for (const keeper of ["secrets.token", "compose file"]) assert.notEqual(other[keeper], ours[keeper]);
  });

  it("keeps its provenance while its id is the same, and gets a new one when it changes", async () => {
    const before = { provenance: { ...provenance, who: "bob", tag: "0ld" }, layers: {} };
    const same = await declare({}, { deployed: { madeRelease: "0a0b0c0d", ...before } });
    assert.deepEqual(same.result.provenance, before.provenance);
    assert.deepEqual([same.release.tag, same.who], ["0ld", "bob"]);
    const other = await declare({}, { deployed: { madeRelease: "ffffffff", ...before } });
    assert.deepEqual(other.result.provenance, provenance);
    assert.deepEqual([other.release.tag, other.who], ["1a2b3c4", "ada"]);
  });

  it("sends the host every service: dependencies first, images by digest, files by fingerprint", async () => {
    const { release } = await declare();
    const fingerprints = Object.fromEntries(
      release.files.map(({ path, fingerprint }) => [path, fingerprint]),
    );
    assert.deepEqual(release.services, [
      {
        name: "redis",
        image: "redis:7",
        replicas: 1,
        restarts: ["web"],
        verify: [],
        lifetime: "either",
        needs: [],
        claims: [],
        files: [],
      },
      {
        name: "web",
        image: `registry.example.com/shop-web@${digest}`,
        content,
        digest,
        replicas: 1,
        restarts: [],
        verify: [{ kind: "file", path: "/etc/conf", contains: "level" }],
        lifetime: "either",
        needs: [{ service: "redis", until: "started" }],
        claims: [],
        files: [fingerprints["secrets.token"], fingerprints["services.web.volumes (/etc/conf)"]],
      },
    ]);
    const { id, project, tag, commit, dirty } = release;
    assert.deepEqual(
      { id, project, tag, commit, dirty },
      { id: "0a0b0c0d", project: "shop", tag: "1a2b3c4", commit: provenance.commit, dirty: false },
    );
  });

  it("sends the host no path of this machine", async () => {
    const { release } = await declare();
    assert.doesNotMatch(JSON.stringify(release), /\/srv\/shop/);
    assert.doesNotMatch(release.compose, /npm/);
    for (const { fingerprint } of release.files)
      assert.ok(release.compose.includes(`./store/${fingerprint}/`));
  });
});

describe("keptRelease", () => {
  it("sends the host the id of a release that it keeps, and nothing else", async () => {
    const { result, resources } = await graph(() => {
      const release = keptRelease({ id: "shop-1", project: "shop" }, provenance);
      return {
        id: release.id,
        told: release.apply(async (release, { who }) => JSON.stringify([release, who])),
      };
    });
    assert.equal(result.id, "shop-1");
    assert.deepEqual(JSON.parse(result.told), [{ kept: "shop-1", project: "shop" }, "ada"]);
    assert.deepEqual(resources, []);
  });
});

describe("the repositories of a release", () => {
  const cases: [string, string[], string[]][] = [
    ["of this machine's registry", ["127.0.0.1:27180/shop-web"], ["shop-web"]],
    ["of a registry with a path", ["registry.example.com:5000/team/eu/shop-web"], ["team/eu/shop-web"]],
    ["of several services", ["r/shop-web", "r/shop-api"], ["shop-web", "shop-api"]],
    ["of no image", [], []],
  ];
  const imagesAt = (places: string[]) =>
    Object.fromEntries(places.map((place, i) => [`s${i}`, { content, digest, ref: `${place}@${digest}` }]));

  for (const [name, places, wanted] of cases) {
    it(`${name} are named without the registry's address`, async () => {
      const images = imagesAt(places);
      const { result } = await graph(
        () => ({
          kept: keptRelease({ id: "shop-1", project: "shop" }, provenance, { layers: {}, images })
            .repositories,
          made: new Release("release", {
            ...shop(),
            images: Object.fromEntries(
              Object.entries(images).map(([service, image]) => [
                service,
                { ...image, digest: pulumi.output(image.digest), ref: pulumi.output(image.ref) },
              ]),
            ),
            key,
            provenance,
            deployed: { layers: {} },
            layersOf: async () => undefined,
          }).repositories,
        }),
        { provider: providers },
      );
      assert.deepEqual(result, { kept: wanted, made: wanted });
    });
  }
});
