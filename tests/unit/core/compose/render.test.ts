import assert from "node:assert/strict";
import { parse } from "yaml";
import { readProject } from "../../../../core/compose/read-project";
import { renderCompose, storePath } from "../../../../core/compose/render";
import { printed } from "../../../support/compose";
import type { Node } from "./read";
import { asRead, digest, fingerprint, render, stored } from "./rendering";

describe("renderCompose", () => {
  it("replaces a build by its image, and keeps the rest of the service", () => {
    const rest = {
      command: ["a"],
      healthcheck: { test: ["CMD", "b"], interval: "1s" },
      ports: [{ target: 80 }],
    };
    const build = { context: "/srv/shop/web" };
    assert.deepEqual(
      render(
        { web: { ...rest, build, image: "mine", pull_policy: "build" } },
        {},
        { images: { web: digest } },
      ),
      { name: "shop", services: { web: { ...rest, image: digest } } },
    );
  });

  it("keeps an image that is not built, and its pull policy", () => {
    const redis = { image: "redis:7", pull_policy: "never" };
    assert.deepEqual(render({ redis }).services.redis, redis);
  });

  it("leaves out `required: true`, which old versions of compose do not know", () => {
    const depends_on = {
      b: { condition: "service_started", required: true },
      c: { condition: "service_started", required: false },
    };
    const { services } = render({ a: { image: "a", depends_on }, b: { image: "b" }, c: { image: "c" } });
    assert.deepEqual(services.a!.depends_on, {
      b: { condition: "service_started" },
      c: { condition: "service_started", required: false },
    });
  });

  it("leaves out a dependency on a service of an inactive profile", () => {
    const depends_on = {
      redis: { condition: "service_started" },
      debug: { condition: "service_started", required: false },
    };
    const { services } = render({ web: { image: "web", depends_on }, redis: { image: "redis" } });
    assert.deepEqual(services.web, { image: "web", depends_on: { redis: depends_on.redis } });
    const { services: alone } = render({ web: { image: "web", depends_on: { debug: depends_on.debug } } });
    assert.deepEqual(alone.web, { image: "web" });
  });

  it("keeps networks, volumes and everything else", () => {
    const more = {
      networks: { default: { name: "shop_default", ipam: {} } },
      volumes: { data: { name: "d" } },
    };
    assert.deepEqual(render({ redis: { image: "redis" } }, more), {
      name: "shop",
      services: { redis: { image: "redis" } },
      ...more,
    });
  });

  it("activates the same services as here, whatever profiles the host has", () => {
    assert.deepEqual(render({ redis: { image: "redis", profiles: ["extra"] } }).services.redis, {
      image: "redis",
    });
  });

  describe("marks a service with the definitions that it uses by name, so that compose recreates it", () => {
    const redis = {
      image: "redis",
      networks: { default: null, back: null },
      volumes: [{ type: "volume", source: "data", target: "/data" }],
    };
    const mark = (networks: Node, volumes: Node) =>
      render({ redis }, { networks, volumes }).services.redis!.labels?.["dev.everfresh.surroundings"];
    const own = { name: "shop_back", ipam: {} };
    const data = { name: "shop_data" };

    it("but not if they are compose's defaults", () =>
      assert.equal(mark({ default: { name: "shop_default", ipam: {} }, back: own }, { data }), undefined));

    it("in the same way for every version of compose", () =>
      assert.equal(
        mark({ back: { internal: true, ...own, external: false, driver_opts: null } }, { data }),
        mark({ back: { name: "shop_back", internal: true } }, { data }),
      ));

    for (const [what, networks, volumes] of [
      ["another network", { back: { name: "theirs", external: true } }, { data }],
      ["a network of another kind", { back: { ...own, internal: true } }, { data }],
      [
        "another address range",
        { back: { ...own, ipam: { config: [{ subnet: "10.1.0.0/16" }] } } },
        { data },
      ],
      ["another volume", { back: own }, { data: { name: "theirs" } }],
    ] as const) {
      it(`of ${what}`, () => {
        assert.match(mark(networks, volumes)!, /^[0-9a-f]{16}$/);
        assert.notEqual(mark(networks, volumes), mark({ back: { name: "more" } }, { data }));
      });
    }
  });

  it("drops extension fields and development settings", () => {
    const redis = { image: "redis", "x-everfresh": { verify: {} }, "x-note": 1, develop: { watch: [] } };
    assert.deepEqual(render({ redis }, { "x-top": 1 }), {
      name: "shop",
      services: { redis: { image: "redis" } },
    });
  });

  it("renders a shipped bind mount as a path in the store, which must exist", () => {
    const volume = { type: "bind", source: "/srv/a$b", target: "/a", read_only: true };
    const other = { type: "bind", source: "/srv/data", target: "/d", bind: { create_host_path: true } };
    const named = { type: "volume", source: "data", target: "/v" };
    const web = {
      image: "web",
      volumes: [{ ...volume, bind: { selinux: "z", create_host_path: true } }, other, named],
    };
    const { volumes } = render({ web }, {}, { files: stored("/srv/a$b") }).services.web!;
    assert.deepEqual(volumes, [
      {
        ...volume,
        source: `./store/${fingerprint}//srv/a$b.file`.replace("//", "/"),
        bind: { selinux: "z", create_host_path: false },
      },
      other,
      named,
    ]);
  });

  it("says explicitly whether docker creates the folder of a host's own mount", () => {
    const volume = { type: "bind", source: "/srv/data", target: "/d" };
    const made = { create_host_path: true };
    const volumes = [volume, { ...volume, bind: { propagation: "rslave" } }, { ...volume, bind: made }];
    const text = printed({ name: "shop", services: { web: { image: "web", volumes } } });
    const binds = (createHostPath: boolean) => {
      const project = readProject({ ...text, createHostPath, folder: "/project", environment: {} });
      const { services } = asRead(renderCompose(project, { images: {}, files: new Map() }));
      return services.web!.volumes!.map(({ bind }) => bind);
    };
    const left = { create_host_path: false };
    assert.deepEqual(binds(false), [left, { propagation: "rslave", ...left }, made]);
    assert.deepEqual(binds(true), [made, { propagation: "rslave", ...made }, made]);
  });

  for (const [kind, target] of [
    ["configs", "/conf"],
    ["secrets", "/run/secrets/conf"],
  ] as const) {
    it(`names ${kind} after their content and keeps where they are mounted`, () => {
      const uses = [
        { source: "conf" },
        { source: "conf", target: "/etc/conf", mode: "0400" },
        { source: "ext" },
      ];
      const nodes = {
        conf: { name: "shop_conf", file: "/srv/conf", "x-a": 1 },
        ext: { name: "e", external: true },
      };
      const { services, [kind]: rendered } = render(
        { web: { image: "web", [kind]: uses } },
        { [kind]: nodes },
        { files: stored(`${kind}.conf`) },
      );
      assert.deepEqual(services.web![kind], [
        { source: "conf-0123456789ab", target },
        { source: "conf-0123456789ab", target: "/etc/conf", mode: 0o400 },
        { source: "ext" },
      ]);
      assert.deepEqual(rendered, {
        "conf-0123456789ab": {
          name: "shop_conf",
          file: `./store/${fingerprint}/${kind}.conf.file`,
          "x-a": 1,
        },
        ext: nodes.ext,
      });
    });

    it(`mounts ${kind} with an owner of their own from the copy that has it`, () => {
      const uses = [{ source: "conf", uid: "103", mode: "0400" }, { source: "conf" }];
      const { services, [kind]: rendered } = render(
        { web: { [kind]: uses } },
        { [kind]: { conf: { content: "text" } } },
        {
          files: new Map([
            [`${kind}.conf (103:0, mode 400)`, storePath("a".repeat(64), "conf", true)],
            [`${kind}.conf`, storePath("b".repeat(64), "conf")],
          ]),
        },
      );
      const target = kind === "configs" ? "/conf" : "/run/secrets/conf";
      assert.deepEqual(services.web![kind], [
        { source: "conf-aaaaaaaaaaaa", target },
        { source: "conf-bbbbbbbbbbbb", target },
      ]);
      assert.deepEqual(rendered, {
        "conf-aaaaaaaaaaaa": { file: `./store/.owned/${"a".repeat(64)}/conf` },
        "conf-bbbbbbbbbbbb": { file: `./store/${"b".repeat(64)}/conf` },
      });
    });

    for (const origin of [{ environment: "TOKEN" }, { content: "text" }, { file: "/srv/conf" }]) {
      it(`makes a file of ${kind} from ${Object.keys(origin)}`, () => {
        const { [kind]: rendered } = render(
          { web: { [kind]: [{ source: "conf" }] } },
          { [kind]: { conf: origin } },
          { files: stored(`${kind}.conf`) },
        );
        assert.deepEqual(rendered, {
          "conf-0123456789ab": { file: `./store/${fingerprint}/${kind}.conf.file` },
        });
      });
    }

    it(`leaves out ${kind} that no service uses, because their paths belong to this machine`, () => {
      const document = render({ web: { image: "web" } }, { [kind]: { npm: { file: "/home/me/shop/npm" } } });
      assert.deepEqual(document, { name: "shop", services: { web: { image: "web" } } });
    });
  }

  it("labels every container with the nonce that recreates it, if there is one", () => {
    const services = { a: { image: "a", labels: { x: "1" } }, b: { image: "b" } };
    const { a, b } = render(services, {}, { forceRecreate: "today $1" }).services;
    assert.deepEqual(a!.labels, { x: "1", "dev.everfresh.recreate": "today $1" });
    assert.deepEqual(b!.labels, { "dev.everfresh.recreate": "today $1" });
    assert.deepEqual(render(services).services, services);
  });

  it("does not modify the project", () => {
    const services = {
      web: {
        build: { context: "/w" },
        volumes: [{ type: "bind", source: "/w/a", target: "/a" }],
        configs: [{ source: "c" }],
      },
    };
    const document = { name: "shop", services, configs: { c: { file: "/w/c" } } };
    const project = readProject({ ...printed(document), folder: "/w", environment: {} });
    const before = structuredClone(project);
    renderCompose(project, {
      images: { web: digest },
      files: stored("configs.c", "/w/a"),
      forceRecreate: "x",
    });
    assert.deepEqual(project, before);
  });
});

describe("an image that follows a tag", () => {
  it("is named by its digest, and loses its pull policy", () => {
    const node = (image: string) => ({ image, pull_policy: "always" });
    const services = { redis: node("redis:7"), kept: { ...node("a"), pull_policy: "never" } };
    const document = { name: "shop", services: { ...services, fixed: node("b@sha256:1") } };
    const rendered = parse(
      renderCompose(
        { services: [], document },
        { images: { redis: "redis:7@sha256:2" }, files: new Map(), hostPaths: new Map() },
      ),
    );
    assert.deepEqual(rendered.services, {
      redis: { image: "redis:7@sha256:2" },
      kept: { image: "a", pull_policy: "never" },
      fixed: { image: "b@sha256:1" },
    });
  });
});

describe("storePath", () => {
  it("is relative to the project's folder on the host", () => {
    assert.equal(storePath("ab", "a b.conf"), "./store/ab/a b.conf");
  });
});
