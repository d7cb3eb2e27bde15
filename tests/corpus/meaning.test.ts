import assert from "node:assert/strict";
import type { ReferencedFile } from "../../core/compose/project";
import { differences, type Printed, type Rendered } from "./meaning";

const fingerprint = "ab".repeat(32);
const shippedFile = (file: Partial<ReferencedFile>): ReferencedFile => ({
  ...{
    key: "/home/ann/shop/a.conf",
    source: "/home/ann/shop/a.conf",
    where: "",
    services: [],
    name: "a.conf",
  },
  ...file,
});
const rendered: Rendered = {
  ...{
    folder: "/home/ann/shop",
    hostFolder: "/srv/shop",
    sources: "",
    inactive: [],
    environment: { TOKEN: "t0ken" },
  },
  images: { web: "registry.example.com/shop-web@sha256:1" },
  shipped: new Map([[fingerprint, shippedFile({ mounts: [{ service: "web", target: "/a" }] })]]),
  kept: new Set(["/home/ann/shop/data", "/home/ann/logs"]),
};
const ofText = (text: string): Rendered => ({
  ...rendered,
  shipped: new Map([[fingerprint, shippedFile({ key: "secrets.token", text, name: "token" })]]),
});

/** Compares two services `web`, and what else the documents have. */
const compare = (
  here: Printed,
  there: Printed,
  more: Partial<Rendered> = {},
  document: [Printed, Printed] = [{}, {}],
) =>
  differences(
    { name: "shop", services: { web: here }, ...document[0] },
    { name: "shop", services: { web: there }, ...document[1] },
    { ...rendered, ...more },
  );
const image = "a:1";
const bind = (source: string, more: Printed = {}) => ({ type: "bind", source, target: "/a", ...more });
const store = `/srv/shop/store/${fingerprint}/a.conf`;

describe("what a rendering means on a host", () => {
  it("is the same with an image for a build, and without development settings", () =>
    assert.deepEqual(
      compare(
        {
          build: { context: "." },
          pull_policy: "build",
          develop: {},
          profiles: ["a"],
          depends_on: { gone: {} },
          command: null,
        },
        { image: rendered.images.web, command: null, labels: { "dev.everfresh.surroundings": "x" } },
      ),
      [],
    ));

  it("differs if the image is not the one that was built", () =>
    assert.equal(compare({ build: {} }, { image: "shop-web" }).length, 1));

  for (const [name, here, there] of [
    ["a key", { image, init: true }, { image }],
    ["an empty command", { image, command: [] }, { image, command: null }],
    ["a dollar sign", { image, command: ["$$A"] }, { image, command: [""] }],
    ["a text that is a number", { image, environment: { A: "1e3" } }, { image, environment: { A: "1000" } }],
    ["the kind of a value", { image, cpus: 1 }, { image, cpus: "1" }],
    ["an order", { image, command: ["a", "b"] }, { image, command: ["b", "a"] }],
    ["a label", { image, labels: { a: "b" } }, { image, labels: { "dev.everfresh.a": "b" } }],
    ["how an image is pulled", { image, pull_policy: "never" }, { image }],
    [
      "a folder of this machine",
      { image, volumes: [bind("/home/ann/shop/a.conf")] },
      { image, volumes: [bind("/home/ann/shop/a.conf")] },
    ],
    [
      "another file of the store",
      { image, volumes: [bind("/home/ann/shop/b.conf")] },
      { image, volumes: [bind(store)] },
    ],
    [
      "another folder of the host",
      { image, volumes: [bind("/home/ann/shop/data")] },
      { image, volumes: [bind("/srv/shop/mounts/date")] },
    ],
    [
      "a mount that may be written to",
      { image, volumes: [bind("/home/ann/shop/a.conf", { read_only: true })] },
      { image, volumes: [bind(store)] },
    ],
  ] as [string, Printed, Printed][]) {
    it(`differs in ${name}`, () => assert.notDeepEqual(compare(here, there), []));
  }

  it("is the same with shipped files in the store, and with the host's folders under mounts", () =>
    assert.deepEqual(
      compare(
        {
          image,
          volumes: [
            bind("/home/ann/shop/a.conf", { bind: { create_host_path: true } }),
            bind("/home/ann/shop/data"),
            bind("/home/ann/logs"),
          ],
        },
        {
          image,
          volumes: [
            bind(store, { bind: { create_host_path: false } }),
            bind("/srv/shop/mounts/data"),
            bind("/srv/shop/mounts/_parent/logs"),
          ],
        },
      ),
      [],
    ));

  it("differs if an absolute path is shipped", () =>
    assert.equal(
      compare(
        { image, volumes: [bind("/home/ann/shop/a.conf")] },
        { image, volumes: [bind(store)] },
        { sources: "- /home/ann/shop/a.conf:/a" },
      ).length,
      1,
    ));

  describe("of a secret", () => {
    const document: [Printed, Printed] = [
      { secrets: { token: { name: "shop_token", environment: "TOKEN" } } },
      { secrets: { "token-ab": { name: "shop_token", file: `/srv/shop/store/${fingerprint}/token` } } },
    ];
    const uses = (use: Printed = {}): Printed => ({ image, secrets: [{ source: "token", ...use }] });
    const renamed: Printed = { image, secrets: [{ source: "token-ab", target: "/run/secrets/token" }] };

    it("is the same under a different name", () =>
      assert.deepEqual(compare(uses(), renamed, ofText("t0ken"), document), []));
    it("differs in its text", () =>
      assert.equal(compare(uses(), renamed, ofText("token"), document).length, 1));
    it("differs in its place", () =>
      assert.equal(compare(uses({ target: "/t" }), renamed, ofText("t0ken"), document).length, 1));
    it("differs in its owner and mode", () =>
      assert.equal(compare(uses({ mode: "0400" }), renamed, ofText("t0ken"), document).length, 1));
  });

  it("differs in a network and in a volume", () => {
    const networks = [{ networks: { a: { internal: true } } }, { networks: { a: {} } }] as [Printed, Printed];
    assert.deepEqual(compare({ image }, { image }, {}, networks), [
      "networks.a.internal: is true, and on the host nothing",
    ]);
    const volumes = [{ volumes: { a: { name: "shop_a" } } }, { volumes: {} }] as [Printed, Printed];
    assert.equal(compare({ image }, { image }, {}, volumes).length, 1);
  });
});
