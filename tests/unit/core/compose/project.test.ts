import assert from "node:assert/strict";
import fc from "fast-check";
import type { ComposeProject } from "../../../../core/compose/project";
import { readProject } from "../../../../core/compose/read-project";
import { Problems } from "../../../../core/problems";
import { marks, printed } from "../../../support/compose";

type Node = Record<string, unknown>;
const folder = "/srv/shop";

/** Reads services as `docker compose config` prints them; `written` is the same as its author wrote it. */
function read(services: Node, more: Node = {}, written: Node = services, environment = {}): ComposeProject {
  return readProject({
    ...printed({ name: "shop", services, ...more }, { services: written }),
    folder,
    environment,
  });
}
const service = (node: Node, more: Node = {}) => read({ web: node }, more).services[0]!;
const refused = (problems: string[], node: Node, more: Node = {}) =>
  assert.throws(() => service(node, more), new Problems(problems));

describe("readProject", () => {
  it("names the project and keeps the whole document", () => {
    const networks = { default: { name: "shop_default" } };
    const { name, document } = read({ web: { image: "web:1", command: ["a"] } }, { networks });
    assert.equal(name, "shop");
    assert.deepEqual(document, {
      name: "shop",
      services: { web: { image: "web:1", command: ["a"] } },
      networks,
    });
  });

  it("refuses a network's name that a host's facts could not carry", () => {
    for (const name of ["a|b", "a\nb", "a\u0007"]) {
      assert.throws(
        () => read({ redis: {} }, { networks: { odd: { name } } }),
        new Problems(["networks.odd.name: has a `|` or a control character; choose another name"]),
      );
    }
  });

  it("ships an inline config that is empty, which compose prints without its content", () => {
    const { files } = read({ web: { configs: [{ source: "c" }] } }, { configs: { c: { name: "shop_c" } } });
    assert.deepEqual(
      files.map(({ key, text }) => [key, text]),
      [["configs.c", ""]],
    );
  });

  it("ships the seccomp profile that a service names by a relative path, once for all", () => {
    const security_opt = ["seccomp=./a.json", "seccomp:b.json"];
    const others = ["seccomp=unconfined", "seccomp:builtin", "seccomp=/etc/c.json", "label:seccomp=d"];
    const { files } = read({ web: { security_opt }, api: { security_opt: [security_opt[0], ...others] } });
    assert.deepEqual(
      files.map(({ source, services }) => [source, services]),
      [
        [`${folder}/a.json`, ["web", "api"]],
        [`${folder}/b.json`, ["web"]],
      ],
    );
  });

  it("refuses a seccomp profile of the home folder", () =>
    refused(
      [
        "services.web.security_opt: `~/a.json` means this machine's home folder; give a relative path (shipped) or an absolute one (the host's)",
      ],
      { security_opt: ["seccomp=~/a.json"] },
    ));

  it("refuses a config and a secret from a variable that is not UTF-8, of which only U+FFFD is left", () => {
    for (const kind of ["configs", "secrets"]) {
      assert.throws(
        () =>
          read(
            { web: { [kind]: [{ source: "x" }] } },
            { [kind]: { x: { environment: "LATIN1" } } },
            {},
            {
              LATIN1: "caf\ufffd",
            },
          ),
        new Problems([`${kind}.x: the variable LATIN1 is not UTF-8; give it a value in UTF-8, or in base64`]),
      );
    }
  });

  it("finds every service, whatever it is called", () => {
    const names = ["constructor", "toString", "__proto__", "hasOwnProperty"];
    const services = Object.fromEntries(
      names.map((name) => [name, { image: name, secrets: [{ source: name }], networks: { [name]: null } }]),
    );
    const secrets = Object.fromEntries(names.map((name) => [name, { file: `/k/${name}` }]));
    const project = read(services, { secrets });
    assert.deepEqual(
      project.services.map(({ name, image }) => [name, image]),
      names.map((name) => [name, name]),
    );
    assert.deepEqual(
      project.files.map(({ source }) => source),
      names.map((name) => `/k/${name}`),
    );
  });

  it("refuses a project without services", () => {
    assert.throws(
      () => read({}),
      new Problems([
        "services: there are none, or none of an active profile; add a service, or name a profile in COMPOSE_PROFILES",
      ]),
    );
  });

  it("puts dependencies before those that depend on them", () => {
    const on = (...names: string[]) => ({ depends_on: Object.fromEntries(names.map((name) => [name, {}])) });
    const { services } = read({
      edge: on("web", "api"),
      web: on("api"),
      api: on("redis", "absent"),
      redis: {},
    });
    assert.deepEqual(
      services.map(({ name }) => name),
      ["redis", "api", "web", "edge"],
    );
  });

  it("puts every dependency first, whatever depends on what", () => {
    const graph = fc
      .array(fc.array(fc.nat({ max: 7 }), { maxLength: 4 }), { minLength: 1, maxLength: 8 })
      .map((rows) => rows.map((row, i) => row.filter((j) => j < i)));
    fc.assert(
      fc.property(graph, fc.nat(), (rows, seed) => {
        const entries = rows.map((row, i): [string, Node] => [
          `s${i}`,
          { depends_on: Object.fromEntries(row.map((j) => [`s${j}`, {}])) },
        ]);
        const rotated = entries.map((_, i) => entries[(i + seed) % entries.length]!);
        const order = read(Object.fromEntries(rotated)).services.map(({ name }) => name);
        assert.equal(order.length, rows.length);
        for (const [i, row] of rows.entries()) {
          for (const j of row) assert.ok(order.indexOf(`s${j}`) < order.indexOf(`s${i}`), order.join());
        }
      }),
    );
  });

  it("knows whom compose restarts with a service", () => {
    const { services } = read({
      db: {},
      api: { depends_on: { db: { restart: true } } },
      web: { depends_on: { db: { restart: false }, api: { restart: true } } },
    });
    assert.deepEqual(
      services.map(({ name, restarts }) => [name, restarts]),
      [
        ["db", ["api"]],
        ["api", ["web"]],
        ["web", []],
      ],
    );
  });

  it("counts replicas by `scale`, then by `deploy.replicas`, else one", () => {
    assert.equal(service({}).replicas, 1);
    assert.equal(service({ deploy: { replicas: 3 } }).replicas, 3);
    assert.equal(service({ deploy: { replicas: 3 }, scale: 0 }).replicas, 0);
  });

  it("refuses a port of the host that two containers would publish", () => {
    const port = (published: string, host_ip = "", protocol = "tcp") => ({
      target: 80,
      published,
      host_ip,
      protocol,
    });
    const clash = (a: object, b: object) => () => read({ a: { ports: [a] }, b: { ports: [b] } });
    const refusal = new Problems([
      "services.b.ports: port 80 is published by a as well; publish another port",
    ]);
    for (const [a, b] of [
      ["", ""],
      ["", "127.0.0.1"],
      ["0.0.0.0", ""],
      ["0.0.0.0", "10.0.0.1"],
      ["::1", "::"],
      ["10.0.0.1", "10.0.0.1"],
    ] as const) {
      assert.throws(clash(port("80", a), port("80", b)), refusal, `${a} and ${b}`);
    }
    for (const [a, b] of [
      ["10.0.0.1", "10.0.0.2"],
      ["0.0.0.0", "::"],
      ["::1", "127.0.0.1"],
    ] as const) {
      assert.doesNotThrow(clash(port("80", a), port("80", b)), `${a} and ${b}`);
    }
    assert.doesNotThrow(clash(port("80"), port("80", "", "udp")));
    assert.doesNotThrow(clash(port("80-90"), port("80-90")));
    for (const takesNone of [{ scale: 0 }, { deploy: { replicas: 0 } }, { network_mode: "host" }]) {
      const ports = [port("80")];
      assert.doesNotThrow(() => read({ a: { ports }, b: { ports, ...takesNone } }));
      assert.doesNotThrow(() => read({ a: { ports, ...takesNone }, b: { ports } }));
    }
    refused(
      [
        "services.web.ports: 2 containers cannot publish the same port 80; publish it from a proxy in front of them, or run one container",
      ],
      { deploy: { replicas: 2 }, ports: [port("80")] },
    );
  });

  it("refuses paths of Windows, which compose leaves as they are", () => {
    for (const source of ["C:\\data", "v:/v", "\\\\server\\share"])
      refused(
        [
          `services.web.volumes (/data): \`${source}\` is a path of Windows; give a relative path or one of the host's, or a volume's name of two letters or more`,
        ],
        { volumes: [{ type: "bind", source, target: "/data" }] },
      );
  });

  it("reads published ports, and no others", () => {
    const ports = [
      { target: 80, published: "8080", protocol: "tcp" },
      { target: 53, published: "53", protocol: "udp", host_ip: "127.0.0.1" },
      { target: 81, published: "82" },
      { target: 9000, protocol: "tcp" },
      { target: 1, published: "8000-8010" },
    ];
    assert.deepEqual(service({ ports }).published, [
      { port: 8080, protocol: "tcp" },
      { port: 53, protocol: "udp", hostIp: "127.0.0.1" },
      { port: 82, protocol: "tcp" },
    ]);
  });

  it("reads x-everfresh, undoing compose's escape", () => {
    const { verify } = service({ "x-everfresh": { verify: { command: ["sh", "-c", "test $$HOME"] } } });
    assert.deepEqual(verify, [{ kind: "command", command: ["sh", "-c", "test $HOME"] }]);
  });

  it("prefers the texts of compose's JSON, which has no extension fields", () => {
    const web = {
      image: "a",
      command: ["a", "b"],
      environment: { A: "x" },
      "x-everfresh": { verify: { command: ["c"] } },
    };
    const { document, services } = readProject({
      warnings: [],
      marks,
      sources: "",
      fromEnvFile: {},
      createHostPath: false,
      resolved: JSON.stringify({ name: "shop", services: { web } }),
      exact: JSON.stringify({
        name: "shop",
        services: { web: { image: "a", command: ["a", "\nb"], environment: { A: "\nx" }, entrypoint: null } },
      }),
      written: JSON.stringify({ services: {} }),
      folder,
      environment: {},
    });
    assert.deepEqual(document.services.web, { ...web, command: ["a", "\nb"], environment: { A: "\nx" } });
    assert.deepEqual(services[0]!.verify, [{ kind: "command", command: ["c"] }]);
  });

  it("names every problem at once", () => {
    const services = {
      a: { "x-everfresh": { x: 1 } },
      b: { build: { context: "/b", ssh: ["default"], platforms: ["linux/amd64", "linux/arm64"] } },
      c: { configs: [{ source: "unset" }] },
    };
    assert.throws(
      () => read(services, { configs: { unset: { environment: "UNSET" } } }),
      (error: Problems) => error.problems.length === 4,
    );
  });
});

describe("a build section", () => {
  it("is read whole, undoing compose's escape", () => {
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
    const { build: spec, buildOptions } = service({ build });
    assert.deepEqual(spec, {
      context: "/srv/shop/we$b",
      dockerfile: "docker/$.Dockerfile",
      args: { PRICE: "5$", COUNT: "3", UNSET: null },
      target: "prod",
      platforms: ["linux/arm64"],
      labels: { "a.b": "$1" },
      additionalContexts: { shared: "/srv/shared", base: "docker-image://debian:trixie-slim" },
      secrets: [],
      ssh: [],
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

  it("has the time of the environment that the builder would take, unless it gives its own", () => {
    const args = (given: Node, environment: Record<string, string>) =>
      read({ web: { build: { context: "/a", args: given } } }, {}, {}, environment).services[0]!.build!.args;
    const environment = { SOURCE_DATE_EPOCH: "1" };
    assert.deepEqual(args({}, environment), environment);
    assert.deepEqual(args({ SOURCE_DATE_EPOCH: null }, environment), environment);
    assert.deepEqual(args({ SOURCE_DATE_EPOCH: "2" }, environment), { SOURCE_DATE_EPOCH: "2" });
    assert.deepEqual(args({}, { SOURCE_DATE_EPOCH: "" }), {});
  });

  it("may hold its Dockerfile itself", () => {
    const { build } = service({ build: { context: "/a", dockerfile_inline: "FROM a\nRUN echo $$x\n" } });
    assert.equal(build!.dockerfileInline, "FROM a\nRUN echo $x\n");
  });

  it("is for the service's platform when it names none", () => {
    assert.deepEqual(service({ build: { context: "/a" }, platform: "linux/arm64" }).build!.platforms, [
      "linux/arm64",
    ]);
    assert.deepEqual(service({ build: { context: "/a" } }).build!.platforms, []);
  });

  it("refuses names of contexts that would tell the builder something else", () => {
    for (const name of [
      "../../../victim/.git/hooks/post-checkout",
      "a=docker-image://evil",
      "a,b",
      'a"b',
      "a b",
      "",
    ]) {
      const line = `services.web.build.additional_contexts: ${JSON.stringify(name)} cannot name a context; take letters and digits, with \`.\`, \`_\`, \`-\`, \`/\`, \`:\` or \`@\` between`;
      refused([line], { build: { context: "/a", additional_contexts: { [name]: "/b" } } });
    }
    const names = ["base", "docker.io/library/node:22-A", "node@sha256:ab", "a_b"];
    const contexts = Object.fromEntries(names.map((name) => [name, "/b"]));
    const { build } = service({ build: { context: "/a", additional_contexts: contexts } });
    assert.deepEqual(Object.keys(build!.additionalContexts), names);
  });

  it("refuses names of build arguments and labels that the builder would take for others", () => {
    for (const key of ["args", "labels"])
      for (const name of ["A=B", ""])
        refused(
          [
            `services.web.build.${key}: ${JSON.stringify(name)} cannot be a name; take one without an equals sign`,
          ],
          { build: { context: "/a", [key]: { [name]: "c" } } },
        );
  });

  it("refuses ids and variables of secrets that would tell the builder something else", () => {
    const todo = "take a name without spaces, commas, quotation marks and equals signs";
    for (const id of ["a,src=/etc/shadow", 'a"', "a b", "a\n", "a=b"]) {
      const line = `services.web.build.secrets: \`npm\` has the id ${JSON.stringify(id)}, which the builder cannot be told; ${todo}`;
      const build = { context: "/a", secrets: [{ source: "npm", target: id }] };
      refused([line], { build }, { secrets: { npm: { file: "/k/npm" } } });
    }
    const line = `services.web.build.secrets: \`npm\` names its variable "A,src=/etc/shadow", which the builder cannot be told; ${todo}`;
    const build = { context: "/a", secrets: [{ source: "npm" }] };
    refused([line], { build }, { secrets: { npm: { environment: "A,src=/etc/shadow" } } });
  });

  it("takes ids of secrets as they are, also with a slash", () => {
    const secrets = ["team/npm", "../x", "a.b:c", "ключ"].map((target) => ({ source: "npm", target }));
    const { buildOptions } = service(
      { build: { context: "/a", secrets } },
      { secrets: { npm: { file: "/k/npm" } } },
    );
    assert.deepEqual(
      buildOptions.secrets,
      secrets.map(({ target }) => ({ id: target, file: "/k/npm" })),
    );
  });

  it("refuses two secrets under one id, and takes one that is named twice", () => {
    const uses = (...sources: string[]) => ({
      build: { context: "/a", secrets: sources.map((source) => ({ source, target: "npm" })) },
    });
    const secrets = { a: { file: "/k/a" }, b: { file: "/k/b" }, same: { file: "/k/a" } };
    refused(
      ['services.web.build.secrets: two secrets have the id "npm"; give one of them another `target`'],
      uses("a", "b"),
      { secrets },
    );
    assert.deepEqual(service(uses("a", "a", "same"), { secrets }).buildOptions.secrets, [
      { id: "npm", file: "/k/a" },
    ]);
  });

  it("takes secrets from a file or a variable, by the id that the Dockerfile uses", () => {
    const build = { context: "/a", secrets: [{ source: "npm", target: "npmrc" }, { source: "token" }] };
    const secrets = { npm: { file: "/k/np$$m" }, token: { environment: "TOKEN" } };
    const { build: spec, buildOptions } = service({ build }, { secrets });
    assert.deepEqual(spec!.secrets, ["npmrc", "token"]);
    assert.deepEqual(buildOptions.secrets, [
      { id: "npmrc", file: "/k/np$m" },
      { id: "token", environment: "TOKEN" },
    ]);
  });

  it("is refused a secret that there is not", () => {
    refused(
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
      "ssh: Pulumi's docker provider hands no SSH agent to a build; give it a key in `secrets:` of `build:`, and mount that: `RUN --mount=type=secret,id=key,target=/root/.ssh/id_ed25519 …`",
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
    ["new", 1, "new: is not known here, and could make another image; remove it, or report it as missing"],
  ] as const) {
    it(`is refused \`${key}\` (${JSON.stringify(value)}) rather than built without it`, () => {
      refused([`services.web.build.${line}`], { build: { context: "/a", [key]: value } });
    });
  }

  it("may say what is so anyway, or changes no image", () => {
    const more = { ssh: [], privileged: false, isolation: "default", ulimits: null, tags: ["a:1"] };
    const network = { network: "host", entitlements: ["network.host"] };
    assert.ok(service({ build: { context: "/a", ...more, ...network } }).build);
  });

  it("has the builder told of shared memory and attestations", () => {
    const build = { context: "/a", shm_size: "67108864", provenance: false, sbom: "generator=x" };
    const { shmSize, provenance, sbom } = service({ build }).build!;
    assert.deepEqual(
      { shmSize, provenance, sbom },
      { shmSize: 67108864, provenance: "false", sbom: "generator=x" },
    );
  });

  it("is done without the cache where that is to be so for a stage: no less can be asked for", () => {
    assert.equal(service({ build: { context: "/a", no_cache_filter: ["deps"] } }).buildOptions.noCache, true);
    assert.equal(service({ build: { context: "/a", no_cache_filter: [] } }).buildOptions.noCache, false);
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
    it(`is refused the remote context ${context}`, () => {
      refused(
        [
          `services.web.build.context: \`${context}\` is remote, and Pulumi's docker provider builds from folders only; ${todo}`,
        ],
        { build: { context } },
      );
    });
  }

  it("may be a folder that is called like a repository", () => {
    assert.equal(service({ build: { context: "/srv/web.git" } }).build?.context, "/srv/web.git");
  });

  it("may be built upon another service's image", () => {
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

  it("is for one of several platforms: the service's, else the environment's default", () => {
    const build = { context: "/a", platforms: ["linux/amd64", "linux/arm64"] };
    const of = (node: Node, environment = {}) =>
      read({ web: { build, ...node } }, {}, {}, environment).services[0]!.build!.platforms;
    assert.deepEqual(of({ platform: "linux/arm64" }), ["linux/arm64"]);
    assert.deepEqual(of({}, { DOCKER_DEFAULT_PLATFORM: "linux/arm64" }), ["linux/arm64"]);
    refused(
      [
        "services.web.build.platforms: names several platforms, of which the hosts have one; say which in the service itself: `platform: linux/amd64`",
      ],
      { build },
    );
  });
});

describe("an image that another service builds", () => {
  it("is built for both, so that both run what that build makes", () => {
    const build = { context: "/a" };
    const { services } = read({
      app: { build, image: "mine:1" },
      worker: { image: "mine:1" },
      other: { image: "mine:2" },
    });
    const [app, other, worker] = [...services].sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(worker?.build, app?.build);
    assert.equal(other?.build, undefined);
  });
});

describe("an image that is only named", () => {
  for (const policy of ["always", "daily", "weekly", "every_2h"]) {
    it(`follows its tag with the pull policy ${policy}`, () => {
      assert.equal(service({ image: "web:1", pull_policy: policy }).followsTag, true);
    });
  }

  it("follows no tag where it is built, has a digest, or may be pulled where it is missing, or never", () => {
    for (const node of [
      { build: { context: "/a" }, pull_policy: "always" },
      { image: "web:1@sha256:1", pull_policy: "always" },
      { image: "web:1", pull_policy: "missing" },
      { image: "web:1", pull_policy: "never" },
      { image: "web:1" },
    ])
      assert.equal(service(node).followsTag, false);
  });
});

describe("a bind mount", () => {
  const mount = (source: string) => ({ type: "bind", source, target: "/data" });
  const where = "services.web.volumes (/data)";
  const filesOf = (resolved: string, written: string) =>
    read({ web: { volumes: [mount(resolved)] } }, {}, { web: { volumes: [mount(written)] } }).files;

  for (const [written, resolved] of [
    ["./conf/a.cfg", "/srv/shop/conf/a.cfg"],
    ["../shared/a.cfg", "/srv/shared/a.cfg"],
    [".", "/srv/shop"],
    [`${marks.folder}/conf`, "/srv/shop/conf"],
    ["./a$$b", "/srv/shop/a$$b"],
  ] as const) {
    it(`of ${written} is shipped`, () => {
      const source = resolved.replace("$$", "$");
      assert.deepEqual(filesOf(resolved, written), [
        {
          ...{ key: source, source, where, name: source.slice(source.lastIndexOf("/") + 1) },
          ...{ services: ["web"], writable: true },
          mounts: [{ service: "web", target: "/data" }],
        },
      ]);
    });
  }

  it("is writable as soon as one of its services may write to it, which is then named", () => {
    const volumes = (read_only: boolean, target: string) => ({
      volumes: [{ ...mount("/srv/shop/c"), read_only, target }],
    });
    const services = { a: volumes(true, "/a"), b: volumes(false, "/b") };
    const written = { a: { volumes: [mount("./c")] }, b: { volumes: [mount("./c")] } };
    const [file] = read(services, {}, written).files;
    assert.deepEqual([file?.writable, file?.where], [true, "services.b.volumes (/b)"]);
    const [same] = read({ a: services.a }, {}, { a: written.a }).files;
    assert.equal(same?.writable, false);
  });

  for (const [written, resolved] of [
    ["/var/run/docker.sock", "/var/run/docker.sock"],
    ["/srv/shop/conf", "/srv/shop/conf"],
  ] as const) {
    it(`of ${written} is the host's own`, () => assert.deepEqual(filesOf(resolved, written), []));
  }

  it("of the home folder is refused: it would be this machine's", () => {
    const volumes = (source: string) => ({ web: { volumes: [mount(source)] } });
    assert.throws(
      () => read(volumes("/home/ann/conf"), {}, volumes("~/conf")),
      new Problems([
        `${where}: \`~/conf\` means this machine's home folder; give a relative path (shipped) or an absolute one (the host's)`,
      ]),
    );
  });

  it("of the home folder is refused, whatever named it", () => {
    const volumes = (source: string) => ({ web: { volumes: [mount(source)] } });
    assert.throws(
      () => read(volumes("/home/ann/conf"), {}, volumes(`${marks.home}/conf`)),
      new Problems([
        `${where}: \`$HOME/conf\` means this machine's home folder; give a relative path (shipped) or an absolute one (the host's)`,
      ]),
    );
  });

  it("of a folder in the project that only a variable gives is shipped: it may be this machine's", () => {
    const volumes = { web: { volumes: [mount("/srv/shop/conf")] } };
    const text = {
      ...printed({ name: "shop", services: volumes }),
      sources: "${CONF}:/etc/conf",
      folder,
      environment: {},
    };
    assert.deepEqual(
      readProject(text).files.map(({ source }) => source),
      ["/srv/shop/conf"],
    );
  });

  it("is recognized when its target is written with a variable", () => {
    const resolved = { web: { volumes: [mount("/srv/up"), { type: "volume", source: "v", target: "/v" }] } };
    const written = { web: { volumes: [{ ...mount("../up"), target: "${WHERE}" }, { type: "volume" }] } };
    assert.equal(read(resolved, {}, written).files[0]?.source, "/srv/up");
  });

  it("is recognized by its target where variables made two mounts one", () => {
    const resolved = { web: { volumes: [mount("/srv/up")] } };
    const written = { web: { volumes: [{ ...mount("/abs"), target: "${A}" }, mount("../up")] } };
    assert.equal(read(resolved, {}, written).files[0]?.source, "/srv/up");
  });

  it("that several services have is shipped once", () => {
    const services = { a: { volumes: [mount("/srv/shop/c")] }, b: { volumes: [mount("/srv/shop/c")] } };
    const { files } = read(services, {}, { a: { volumes: [mount("./c")] }, b: { volumes: [mount("./c")] } });
    assert.deepEqual(
      files.map(({ services }) => services),
      [["a", "b"]],
    );
  });

  it("is told from a named volume", () => {
    assert.deepEqual(
      read({ web: { volumes: [{ type: "volume", source: "data", target: "/d" }] } }).files,
      [],
    );
  });
});

for (const kind of ["configs", "secrets"] as const) {
  describe(`an entry of ${kind}`, () => {
    const filesOf = (node: Node, environment = {}) =>
      read(
        { web: { [kind]: [{ source: "a" }] } },
        { [kind]: { a: node, unused: { file: "/u" } } },
        {},
        environment,
      ).files;
    const common = { key: `${kind}.a`, where: `${kind}.a`, services: ["web"] };

    it("from a file is shipped under the file's name", () => {
      assert.deepEqual(filesOf({ file: "/srv/shop/a$$.conf" }), [
        { ...common, source: "/srv/shop/a$.conf", name: "a$.conf" },
      ]);
    });

    it("with its content inline is shipped", () => {
      assert.deepEqual(filesOf({ content: "level=$$1\n" }), [{ ...common, text: "level=$1\n", name: "a" }]);
    });

    it("from a variable is shipped with its value, exactly", () => {
      assert.deepEqual(filesOf({ environment: "TOKEN" }, { TOKEN: "$$a" }), [
        { ...common, text: "$$a", name: "a" },
      ]);
      assert.deepEqual(filesOf({ environment: "TOKEN" }, { TOKEN: "" }), [
        { ...common, text: "", name: "a" },
      ]);
    });

    it("from a variable that is not set is refused", () => {
      assert.throws(
        () => filesOf({ environment: "TOKEN" }),
        new Problems([
          `${kind}.a: the variable TOKEN is not set; set it where \`pulumi up\` runs, or in the env file`,
        ]),
      );
    });

    it("with an owner or a mode is a file of its own for each, as compose's versions print them", () => {
      const uses = [
        { source: "a" },
        { source: "a", mode: 288, target: "x" },
        { source: "a", mode: "0440" },
        { source: "a", uid: "103", gid: "5" },
      ];
      const { files } = read(
        { web: { [kind]: uses }, api: { [kind]: [{ source: "a", mode: 288 }] } },
        { [kind]: { a: { content: "t" } } },
      );
      assert.deepEqual(
        files.map(({ key, where, access, services }) => [key, where, access, services]),
        [
          [`${kind}.a`, `${kind}.a`, undefined, ["web"]],
          [
            `${kind}.a (0:0, mode 440)`,
            `services.web.${kind} (a)`,
            { uid: 0, gid: 0, mode: 0o440 },
            ["web", "api"],
          ],
          [
            `${kind}.a (103:5, mode 444)`,
            `services.web.${kind} (a)`,
            { uid: 103, gid: 5, mode: 0o444 },
            ["web"],
          ],
        ],
      );
    });

    it("from a file has the file's own mode, as compose mounts it", () => {
      const { files } = read(
        { web: { [kind]: [{ source: "a", mode: 256, uid: "5" }] } },
        { [kind]: { a: { file: "/srv/shop/a" } } },
      );
      assert.deepEqual(files, [{ ...common, source: "/srv/shop/a", name: "a" }]);
    });

    it("is refused an owner or a mode that is no number", () => {
      assert.throws(
        () =>
          read(
            { web: { [kind]: [{ source: "a", uid: "www", mode: "rw" }] } },
            { [kind]: { a: { content: "t" } } },
          ),
        new Problems(
          ["uid", "mode"].map(
            (key) =>
              `services.web.${kind} (a).${key}: is not a number that docker compose takes; write the number, not a name`,
          ),
        ),
      );
    });

    it("that is external is refused: docker compose has none without Swarm", () => {
      assert.throws(
        () => filesOf({ external: true }),
        new Problems([
          `${kind}.a: is external, which docker compose knows only with Swarm; give it a \`file\` or an \`environment\``,
        ]),
      );
    });
  });
}

describe("the image of a service that is built", () => {
  it("is called what compose calls it, and by its tags", () => {
    const build = { context: "/a", tags: ["team/web:1"] };
    assert.deepEqual(service({ build }).imageNames, ["shop-web", "team/web:1"]);
    assert.deepEqual(service({ build, image: "web:2" }).imageNames, ["web:2", "team/web:1"]);
    assert.deepEqual(service({ image: "web:2" }).imageNames, []);
  });

  it("is known of services of inactive profiles, which are not deployed, with what is wrong with them", () => {
    const web = { build: { context: "/a" } };
    const base = { build: { context: "/b", ssh: ["default"] }, profiles: ["build"] };
    const text = { ...printed({ name: "shop", services: { web } }), folder, environment: {} };
    const whole = printed({ name: "shop", services: { web, base, redis: { image: "redis" } } });
    const { services, inactive } = readProject({ ...text, whole });
    assert.deepEqual(
      services.map(({ name }) => name),
      ["web"],
    );
    assert.deepEqual(
      inactive.map(({ name, imageNames, problems }) => [name, imageNames, problems.length]),
      [["base", ["shop-base"], 1]],
    );
  });
});
