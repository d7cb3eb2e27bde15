import assert from "node:assert/strict";
import { assertRefused, type Node, read, readService } from "./read";

describe("a build section", () => {
  it("is read completely, with compose's `$$` as a dollar sign", () => {
    const build = {
      context: "/srv/shop/we$$b",
      dockerfile: "docker/$$.Dockerfile",
      args: { PRICE: "5$$", COUNT: 3, UNSET: null },
      target: "prod",
      platforms: ["linux/arm64"],
      labels: { "a.b": "$$1" },
      additional_contexts: { shared: "/srv/shared", base: "docker-image://debian:trixie-slim" },
      network: "host",
      extra_hosts: ["db=10.0.0.1"],
      no_cache: true,
      pull: true,
      cache_from: ["type=registry,ref=$$x"],
      cache_to: ["type=inline"],
      "x-note": "any",
    };
    const { build: spec, buildOptions } = readService({ build });
    assert.deepEqual(spec, {
      context: "/srv/shop/we$b",
      dockerfile: "docker/$.Dockerfile",
      args: { PRICE: "5$", COUNT: "3", UNSET: null },
      target: "prod",
      platforms: ["linux/arm64"],
      labels: { "a.b": "$1" },
      additionalContexts: { shared: "/srv/shared", base: "docker-image://debian:trixie-slim" },
      secrets: [],
      network: "host",
      extraHosts: ["db=10.0.0.1"],
    });
    assert.deepEqual(buildOptions, {
      secrets: [],
      noCache: true,
      pull: true,
      cacheFrom: ["type=registry,ref=$x"],
      cacheTo: ["type=inline"],
    });
  });

  it("gets SOURCE_DATE_EPOCH from the environment, as the builder would, unless it sets its own", () => {
    const args = (given: Node, environment: Record<string, string>) =>
      read({ web: { build: { context: "/a", args: given } } }, {}, {}, environment).services[0]!.build!.args;
    const environment = { SOURCE_DATE_EPOCH: "1" };
    assert.deepEqual(args({}, environment), environment);
    assert.deepEqual(args({ SOURCE_DATE_EPOCH: null }, environment), environment);
    assert.deepEqual(args({ SOURCE_DATE_EPOCH: "2" }, environment), { SOURCE_DATE_EPOCH: "2" });
    assert.deepEqual(args({}, { SOURCE_DATE_EPOCH: "" }), {});
  });

  it("may contain its Dockerfile", () => {
    const { build } = readService({ build: { context: "/a", dockerfile_inline: "FROM a\nRUN echo $$x\n" } });
    assert.equal(build!.dockerfileInline, "FROM a\nRUN echo $x\n");
  });

  it("is for the service's platform if it names none", () => {
    assert.deepEqual(readService({ build: { context: "/a" }, platform: "linux/arm64" }).build!.platforms, [
      "linux/arm64",
    ]);
    assert.deepEqual(readService({ build: { context: "/a" } }).build!.platforms, []);
  });

  const wrongContexts = [
    "../../../victim/.git/hooks/post-checkout",
    "a=docker-image://evil",
    "a,b",
    'a"b',
    "a b",
    "",
  ];
  for (const name of wrongContexts)
    it(`rejects ${JSON.stringify(name)}, a context name that the builder would read as something else`, () => {
      const line = `services.web.build.additional_contexts: ${JSON.stringify(name)} cannot name a context; use letters and digits, with \`.\`, \`_\`, \`-\`, \`/\`, \`:\` or \`@\` between them`;
      assertRefused([line], { build: { context: "/a", additional_contexts: { [name]: "/b" } } });
    });

  it("accepts context names that the builder reads as they are", () => {
    const names = ["base", "docker.io/library/node:22-A", "node@sha256:ab", "a_b"];
    const contexts = Object.fromEntries(names.map((name) => [name, "/b"]));
    const { build } = readService({ build: { context: "/a", additional_contexts: contexts } });
    assert.deepEqual(Object.keys(build!.additionalContexts), names);
  });

  for (const key of ["args", "labels"])
    for (const name of ["A=B", ""])
      it(`rejects ${JSON.stringify(name)} in ${key}, which the builder would read as a different name`, () =>
        assertRefused(
          [
            `services.web.build.${key}: ${JSON.stringify(name)} cannot be a name; use a name without an equals sign`,
          ],
          { build: { context: "/a", [key]: { [name]: "c" } } },
        ));

  const todo = "use a name without spaces, commas, quotation marks and equals signs";
  for (const id of ["a,src=/etc/shadow", 'a"', "a b", "a\n", "a=b"])
    it(`rejects ${JSON.stringify(id)}, a secret's id that the builder would read as something else`, () => {
      const line = `services.web.build.secrets: \`npm\` has the id ${JSON.stringify(id)}, which cannot be passed to the builder; ${todo}`;
      const build = { context: "/a", secrets: [{ source: "npm", target: id }] };
      assertRefused([line], { build }, { secrets: { npm: { file: "/k/npm" } } });
    });

  it("rejects a secret's variable that the builder would read as something else", () => {
    const line = `services.web.build.secrets: \`npm\` names its variable "A,src=/etc/shadow", which cannot be passed to the builder; ${todo}`;
    const build = { context: "/a", secrets: [{ source: "npm" }] };
    assertRefused([line], { build }, { secrets: { npm: { environment: "A,src=/etc/shadow" } } });
  });

  it("keeps a secret's id, even with a slash", () => {
    const secrets = ["team/npm", "../x", "a.b:c", "ключ"].map((target) => ({ source: "npm", target }));
    const { buildOptions } = readService(
      { build: { context: "/a", secrets } },
      { secrets: { npm: { file: "/k/npm" } } },
    );
    assert.deepEqual(
      buildOptions.secrets,
      secrets.map(({ target }) => ({ id: target, file: "/k/npm" })),
    );
  });

  it("rejects two secrets with one id, and accepts one secret that is named twice", () => {
    const uses = (...sources: string[]) => ({
      build: { context: "/a", secrets: sources.map((source) => ({ source, target: "npm" })) },
    });
    const secrets = { a: { file: "/k/a" }, b: { file: "/k/b" }, same: { file: "/k/a" } };
    assertRefused(
      ['services.web.build.secrets: two secrets have the id "npm"; give one of them another `target`'],
      uses("a", "b"),
      { secrets },
    );
    assert.deepEqual(readService(uses("a", "a", "same"), { secrets }).buildOptions.secrets, [
      { id: "npm", file: "/k/a" },
    ]);
  });

  it("has secrets from files and variables, by the id that the Dockerfile uses", () => {
    const build = { context: "/a", secrets: [{ source: "npm", target: "npmrc" }, { source: "token" }] };
    const secrets = { npm: { file: "/k/np$$m" }, token: { environment: "TOKEN" } };
    const { build: spec, buildOptions } = readService({ build }, { secrets });
    assert.deepEqual(spec!.secrets, ["npmrc", "token"]);
    assert.deepEqual(buildOptions.secrets, [
      { id: "npmrc", file: "/k/np$m" },
      { id: "token", environment: "TOKEN" },
    ]);
  });

  it("is refused if a secret is not defined", () => {
    assertRefused(
      [
        "services.web.build.secrets: `npm` has neither `file` nor `environment`; give it one of them under `secrets:`",
      ],
      { build: { context: "/a", secrets: [{ source: "npm" }] } },
      { secrets: { npm: { external: true } } },
    );
  });

  for (const [key, value, line] of [
    [
      "ssh",
      ["default"],
      "ssh: Pulumi's docker provider does not pass an SSH agent to a build; pass a key in `secrets:` of `build:`, and mount it: `RUN --mount=type=secret,id=key,target=/root/.ssh/id_ed25519 …`",
    ],
    [
      "privileged",
      true,
      "privileged: Pulumi's docker provider cannot ask the builder for it; remove it, and do what needs it when the container starts",
    ],
    [
      "ulimits",
      { nofile: 1 },
      "ulimits: Pulumi's docker provider fails on them; set them in the command that needs them: `RUN ulimit -n 65536 && …`",
    ],
    ["isolation", "hyperv", "isolation: `hyperv` is for Windows containers; remove it"],
    [
      "entitlements",
      ["network.host"],
      "entitlements: `network.host` is granted only to a build with the host's network; add `network: host` to `build:`",
    ],
    [
      "entitlements",
      ["security.insecure"],
      "entitlements: `security.insecure`: Pulumi's docker provider cannot ask the builder for it; remove it, and do what needs it when the container starts",
    ],
    [
      "new",
      1,
      "new: is unknown to everfresh, and could change the image; remove it, or report it as missing",
    ],
  ] as const) {
    it(`is refused with \`${key}: ${JSON.stringify(value)}\`, not built without it`, () => {
      assertRefused([`services.web.build.${line}`], { build: { context: "/a", [key]: value } });
    });
  }

  it("may have settings that are defaults or do not change the image", () => {
    const more = { ssh: [], privileged: false, isolation: "default", ulimits: null, tags: ["a:1"] };
    const network = { network: "host", entitlements: ["network.host"] };
    assert.ok(readService({ build: { context: "/a", ...more, ...network } }).build);
  });

  it("passes shared memory and attestations on to the builder", () => {
    const build = { context: "/a", shm_size: "67108864", provenance: false, sbom: "generator=x" };
    const { shmSize, provenance, sbom } = readService({ build }).build!;
    assert.deepEqual(
      { shmSize, provenance, sbom },
      { shmSize: 67108864, provenance: "false", sbom: "generator=x" },
    );
  });

  it("is built without any cache if one stage is, because the provider cannot name stages", () => {
    assert.equal(
      readService({ build: { context: "/a", no_cache_filter: ["deps"] } }).buildOptions.noCache,
      true,
    );
    assert.equal(readService({ build: { context: "/a", no_cache_filter: [] } }).buildOptions.noCache, false);
  });

  for (const [context, todo] of [
    [
      "https://github.com/acme/web.git",
      "pin it as a submodule, `git submodule add https://github.com/acme/web.git web`, and build from that: `context: ./web`",
    ],
    [
      "git@github.com:acme/web",
      "pin it as a submodule, `git submodule add git@github.com:acme/web web`, and build from that: `context: ./web`",
    ],
    [
      "github.com/acme/web.git#main:docker",
      "pin it as a submodule, `git submodule add https://github.com/acme/web.git web`, and build from that: `context: ./web/docker`",
    ],
    [
      "ssh://git@example.com/web",
      "pin it as a submodule, `git submodule add ssh://git@example.com/web web`, and build from that: `context: ./web`",
    ],
    [
      "https://example.com/context.tar.gz",
      "unpack it into a folder beside the compose file, and build from that",
    ],
  ] as const) {
    it(`is refused with the remote context ${context}`, () => {
      assertRefused(
        [
          `services.web.build.context: \`${context}\` is remote, and Pulumi's docker provider builds only from folders; ${todo}`,
        ],
        { build: { context } },
      );
    });
  }

  it("may have a context folder that is named like a repository", () => {
    assert.equal(readService({ build: { context: "/srv/web.git" } }).build?.context, "/srv/web.git");
  });

  it("may begin with another service's image", () => {
    const additional_contexts = { base: "service:base" };
    const { services } = read({
      web: { build: { context: "/a", additional_contexts } },
      base: { build: { context: "/b" } },
    });
    assert.deepEqual(
      services.find(({ name }) => name === "web")?.build?.additionalContexts,
      additional_contexts,
    );
  });

  it("is for the service's platform or the environment's default if it lists several", () => {
    const build = { context: "/a", platforms: ["linux/amd64", "linux/arm64"] };
    const of = (node: Node, environment = {}) =>
      read({ web: { build, ...node } }, {}, {}, environment).services[0]!.build!.platforms;
    assert.deepEqual(of({ platform: "linux/arm64" }), ["linux/arm64"]);
    assert.deepEqual(of({}, { DOCKER_DEFAULT_PLATFORM: "linux/arm64" }), ["linux/arm64"]);
    assertRefused(
      [
        "services.web.build.platforms: names several platforms, but the hosts have one; say which in the service itself: `platform: linux/amd64`",
      ],
      { build },
    );
  });
});
