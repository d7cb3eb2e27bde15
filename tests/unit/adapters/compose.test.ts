import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { parse, stringify } from "yaml";
import { readCompose } from "../../../adapters/compose";
import type { ComposeDocument } from "../../../core/compose/document";
import type { ComposeProject } from "../../../core/compose/project";
import { readProject } from "../../../core/compose/read-project";
import { renderCompose, storePath } from "../../../core/compose/render";
import { Problems } from "../../../core/problems";
import { own } from "../../../core/records";
import { scalarForms } from "../../support/scalar-forms";

const fingerprint = "ab".repeat(32);
let folder: string;

/** Writes files into the test's own folder; gives the first one's path. */
async function write(files: Record<string, string>): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  return path.join(folder, Object.keys(files)[0]!);
}
const read = async (...composeFiles: string[]) => readProject(await readCompose({ composeFiles }));

describe("docker compose config", function () {
  this.timeout(60_000);

  before(() => {
    try {
      execFileSync("docker", ["compose", "version"], { stdio: "pipe" });
    } catch {
      throw new Error("docker compose: version 2 is not installed here; run `npm run setup`");
    }
  });
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(path.join(os.tmpdir(), "everfresh-compose-")));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("knows what services of inactive profiles build, also where they are included", async () => {
    const base = "services: { base: { build: ./base, profiles: [build] } }";
    const web = "services: { web: { build: . } }";
    for (const files of [
      { "compose.yaml": `${base.replace(/}$/, ", web: { build: . } }")}\n` },
      { "compose.yaml": `include: [more.yaml]\n${web}\n`, "more.yaml": base },
    ]) {
      const { services, inactive } = await read(await write(files as Record<string, string>));
      assert.deepEqual(
        services.map(({ name }) => name),
        ["web"],
      );
      assert.deepEqual(
        inactive.map(({ name, build }) => [name, build.context]),
        [["base", path.join(folder, "base")]],
      );
    }
  });

  it("says that services of inactive profiles cannot be read, and goes on", async () => {
    const base = "{ build: ./base, profiles: [build], env_file: none.env }";
    const file = await write({ "compose.yaml": `services: { base: ${base}, web: { build: . } }` });
    const { warnings } = await readCompose({ composeFiles: [file] });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^the services of inactive profiles cannot be read, .*none\.env/);
  });

  it("has the value of a build's secret where only the env file gives it, by compose's own precedence", async () => {
    const build = "{ context: ., secrets: [a, b, c] }";
    const file = await write({
      "compose.yaml": `
services: { web: { build: ${build} } }
secrets: { a: { environment: EVERFRESH_A }, b: { environment: EVERFRESH_B }, c: { environment: EVERFRESH_C } }
`,
      ".env.deploy": "EVERFRESH_A='a $$1'\nEVERFRESH_B=file\n",
    });
    process.env.EVERFRESH_B = "environment";
    try {
      assert.deepEqual((await read(file)).services[0]!.buildOptions.secrets, [
        { id: "a", environment: "EVERFRESH_A", value: "a $$1" },
        { id: "b", environment: "EVERFRESH_B" },
        { id: "c", environment: "EVERFRESH_C" },
      ]);
    } finally {
      delete process.env.EVERFRESH_B;
    }
  });

  it("takes variables with defaults wherever compose does", async () => {
    const { files, document } = await read(
      await write({
        "compose.yaml": `
services:
  web:
    image: "a:\${TAG:-1}"
    pull_policy: "\${POLICY:-missing}"
    ulimits: { nofile: "\${FILES:-1024}" }
    volumes: ["\${CONF:-./conf}:/etc/app:ro", "\${DATA:-/srv/data}:/data"]
    depends_on: { "db": { condition: "\${HOW:-service_started}" } }
  db: { image: b }
`,
      }),
    );
    assert.deepEqual(
      files.map(({ source }) => source),
      [path.join(folder, "conf")],
    );
    assert.equal(document.services.web!.pull_policy, "missing");
  });

  it("makes configs and secrets from variables of the env file too, those of the environment first", async () => {
    const file = await write({
      "compose.yaml": `
services: { web: { image: a, secrets: [key, token], configs: [own] } }
secrets: { key: { environment: EF_KEY }, token: { environment: EF_TOKEN } }
configs: { own: { environment: EF_OWN } }
`,
      ".env.deploy": "EF_KEY='-----BEGIN\n$a $$b \"c\"'\nEF_TOKEN=of the file\nEF_OWN=",
    });
    process.env.EF_TOKEN = "of the environment";
    try {
      const { files } = await read(file);
      assert.deepEqual(
        files.map(({ key, text }) => [key, text]),
        [
          ["configs.own", ""],
          ["secrets.key", '-----BEGIN\n$a $$b "c"'],
          ["secrets.token", "of the environment"],
        ],
      );
    } finally {
      delete process.env.EF_TOKEN;
    }
    await write({ ".env.deploy": "" });
    await assert.rejects(read(file), /secrets\.key: the variable EF_KEY is not set; /);
  });

  it("takes $PWD for the project's folder, wherever it is called from", async () => {
    const { files } = await read(
      await write({
        "compose.yaml":
          'services: { web: { image: a, volumes: ["$PWD/conf:/etc/app:ro", "${PWD}:/all:ro"] } }',
      }),
    );
    assert.deepEqual(
      files.map(({ source }) => source),
      [path.join(folder, "conf"), folder],
    );
  });

  describe("what means this machine", () => {
    const where = "services.web.volumes (/a)";
    const mounted = (source: string) => ({
      "compose.yaml": `services: { web: { image: a, volumes: ["${source}:/a:ro"] } }`,
    });
    const home = (what: string) => [
      `${where}: \`${what}\` means this machine's home folder; give a relative path (shipped) or an absolute one (the host's)`,
    ];
    const folderOf = (at: string, name: string) =>
      `${at}: \`${name}\` is a folder of this machine; write the host's own path, or \`$${name}\` for a variable of the container`;
    const table: [string, Record<string, string>, string[]][] = [
      ["the home folder as ~", mounted("~/conf"), home("~/conf")],
      ["the home folder as a variable", mounted("$HOME/conf"), home("$HOME/conf")],
      [
        "the home folder by an env file, as ~",
        { ...mounted("${CONF}"), ".env.deploy": "CONF=~/conf" },
        home("~/conf"),
      ],
      [
        "the home folder by an env file, as a variable",
        { ...mounted("${CONF}"), ".env.deploy": "CONF=$HOME/conf" },
        home("$HOME/conf"),
      ],
      [
        "the home folder and the project's folder in other texts",
        {
          "compose.yaml":
            'services: { web: { image: a, environment: { A: "$HOME/a" }, command: ["ls", "${PWD}"], labels: { h: "$$HOME" } } }',
        },
        [folderOf("services.web.command.1", "$PWD"), folderOf("services.web.environment.A", "$HOME")],
      ],
      [
        "the home folder in a file that a service's environment comes from",
        { "compose.yaml": "services: { web: { image: a, env_file: a.env } }", "a.env": "A=${HOME}/a" },
        [folderOf("services.web.environment.A", "$HOME")],
      ],
      [
        "the project's folder in a text, though compose reads a file from there",
        {
          "compose.yaml":
            'services: { web: { image: a, env_file: "$PWD/a.env", environment: { B: "$PWD/b" } } }',
          "a.env": "A=1",
        },
        [folderOf("services.web.environment.B", "$PWD")],
      ],
      [
        "a folder as a volume's device",
        {
          "compose.yaml":
            "{ services: { web: { image: a, volumes: ['data:/data'] } }, volumes: { data: { driver_opts: { type: none, o: bind, device: ./data } } } }",
        },
        [
          "volumes.data.driver_opts.device: `./data` is a folder of this machine; give the absolute path of a folder of the host",
        ],
      ],
    ];
    for (const [name, files, problems] of table) {
      it(`is refused: ${name}`, async () => {
        const file = await write(files);
        await assert.rejects(read(file), new Problems(problems));
      });
    }

    it("is no matter for what is read here: builds, and files of configs, secrets and environments", async () => {
      const own = path.join(os.homedir(), `everfresh-test-${process.pid}.env`);
      await writeFile(own, "A=1\n");
      try {
        const project = await read(
          await write({
            "compose.yaml": `
services:
  web:
    build: { context: ".", args: { WHERE: "$HOME" }, secrets: [npm] }
    env_file: "$HOME/${path.basename(own)}"
    configs: [conf]
configs: { conf: { file: "$HOME/conf" } }
secrets: { npm: { file: "~/.npmrc" } }
`,
          }),
        );
        assert.deepEqual(
          project.files.map(({ source }) => source),
          [path.join(os.homedir(), "conf")],
        );
      } finally {
        await rm(own);
      }
    });
  });

  // compose 2 prints only `true`, compose 5 only `false`; and neither what it makes of a mount that says nothing.
  it("says for every absolute bind mount whether docker makes the folder, as this compose understands it", async () => {
    const bind = (create?: boolean) => ({
      ...{ type: "bind", source: "/srv/data", target: "/d" },
      ...(create !== undefined && { bind: { create_host_path: create } }),
    });
    const { stdout } = spawnSync("docker", ["compose", "version", "--short"], { encoding: "utf8" });
    const silent = Number(stdout.split(".")[0]) >= 5;
    const cases: [volume: string | object, made: boolean][][] = [
      [["/srv/data:/d", true]],
      [[bind(true), true]],
      [[bind(false), false]],
      [[bind(), silent]],
      [
        [bind(false), false],
        ["/srv/data:/e", true],
      ],
    ];
    for (const mounts of cases) {
      const volumes = mounts.map(([volume]) => volume);
      const project = await read(
        await write({ "compose.yaml": JSON.stringify({ services: { web: { image: "web", volumes } } }) }),
      );
      const rendered = parse(renderCompose(project, { images: {}, files: new Map() })) as ComposeDocument;
      assert.deepEqual(
        rendered.services.web!.volumes!.map(({ bind }) => bind!.create_host_path),
        mounts.map(([, made]) => made),
        JSON.stringify(volumes),
      );
    }
  });

  it("warns once of what compose warns of, in its words", async () => {
    const composeFiles = [
      await write({
        "compose.yaml": "services: { web: { image: a, command: ['$UNSET_BY_ALL', '$UNSET_BY_ALL'] } }",
      }),
    ];
    const { warnings } = await readCompose({ composeFiles });
    assert.deepEqual(warnings, ['The "UNSET_BY_ALL" variable is not set. Defaulting to a blank string.']);
    const quiet = [await write({ "quiet.yaml": "services: { web: { image: a } }" })];
    assert.deepEqual((await readCompose({ composeFiles: quiet })).warnings, []);
  });

  it("becomes a project", async () => {
    const project = await read(
      await write({
        "compose.yaml": `
name: shop
services:
  web:
    build:
      context: web
      args: { PRICE: "5$$", FROM_FILE: "\${SHOP}" }
      secrets: [npm]
    depends_on: { api: { condition: service_started, restart: true } }
    ports: ["127.0.0.1:8080:80", "53:53/udp"]
    volumes: ["./conf:/conf", "../up:/up/\${SHOP}", "/srv/data:/data", "named:/named"]
    secrets: [key]
    configs: [inline, { source: file, target: /etc/file }]
    x-everfresh: { verify: { file: { path: /a, contains: "5$$" } } }
  api: { image: "redis:7", env_file: api.env, deploy: { replicas: 2 } }
configs:
  inline: { content: "a $$b" }
  file: { file: "./a$$.conf" }
secrets:
  npm: { file: ./npm }
  key: { environment: PATH }
volumes: { named: {} }
`,
        "api.env": "A=1\n",
        ".env.deploy": "SHOP=corner\n",
      }),
    );
    assert.equal(project.name, "shop");
    const [api, web] = project.services;
    assert.deepEqual([api!.name, api!.image, api!.replicas, api!.restarts], ["api", "redis:7", 2, ["web"]]);
    assert.deepEqual(project.document.services.api!.environment, { A: "1" });
    assert.deepEqual(web!.build, {
      context: path.join(folder, "web"),
      dockerfile: "Dockerfile",
      args: { PRICE: "5$", FROM_FILE: "corner" },
      platforms: [],
      labels: {},
      additionalContexts: {},
      secrets: ["npm"],
      ssh: [],
    });
    assert.deepEqual(web!.buildOptions.secrets, [{ id: "npm", file: path.join(folder, "npm") }]);
    assert.deepEqual(web!.verify, [{ kind: "file", path: "/a", contains: "5$" }]);
    assert.deepEqual(web!.published, [
      { port: 8080, protocol: "tcp", hostIp: "127.0.0.1" },
      { port: 53, protocol: "udp" },
    ]);
    assert.deepEqual(
      project.files.map(({ key, source, text }) => [key, source ?? text]),
      [
        ["configs.inline", "a $b"],
        ["configs.file", path.join(folder, "a$.conf")],
        ["secrets.key", process.env.PATH],
        [path.join(folder, "conf"), path.join(folder, "conf")],
        [path.join(folder, "../up"), path.join(folder, "../up")],
      ],
    );
  });

  it("of the rendered file says the same as of the author's, but for images and files", async () => {
    const author = await read(
      await write({
        "compose.yaml": `
name: shop
x-health: &health { interval: 1s, retries: 3 }
services:
  web:
    build: { context: web, secrets: [npm] }
    command: ["sh", "-c", "echo $$HOME"]
    environment: { YES: "yes", OCTAL: "0o17", SEXAGESIMAL: "1:30", PRICE: "5$$", LINES: "a\\nb\\n", EMPTY: "", NONE: }
    labels: { "traefik.rule": "Host(\`a\`)" }
    depends_on: { api: { condition: service_healthy, restart: true } }
    ports: ["8080:80"]
    volumes: ["./conf:/conf:ro", "named:/named", "/srv/data:/data"]
    secrets: [key]
    configs: [inline]
    healthcheck: { test: ["CMD", "true"], <<: *health }
    deploy: { resources: { limits: { memory: 64M, cpus: "0.5" } } }
    ulimits: { nofile: 1024 }
    x-note: 1
  api: { image: "redis:7", networks: { back: { aliases: [db] } }, healthcheck: { test: ["CMD", "true"], <<: *health } }
configs: { inline: { content: "a $$b" } }
secrets: { npm: { file: ./npm }, key: { file: ./key } }
volumes: { named: { labels: { a: b } } }
networks: { back: { internal: true } }
`,
      }),
    );
    const image = `registry.example.com/shop-web@sha256:${fingerprint}`;
    const rendered = renderCompose(author, { images: { web: image }, files: places(author) });
    const host = await read(await write({ "host/compose.yaml": rendered }));

    // The marks of what compose would not look at: see render.test.ts.
    const marks = [host.document.networks!.back!, host.document.services.web!, host.document.services.api!];
    for (const { labels } of marks) {
      const mark = Object.keys(labels!).find((key) => key.startsWith("dev.everfresh."));
      assert.ok(mark);
      delete labels![mark];
    }
    delete host.document.networks!.back!.labels;
    delete host.document.services.api!.labels;

    const store = (name: string) => path.join(folder, "host/store", fingerprint, name);
    const expected = structuredClone(author.document);
    const web = expected.services.web!;
    delete expected["x-health"];
    delete web.build;
    delete web["x-note"];
    web.image = image;
    const bind = web.volumes!.find(({ target }) => target === "/conf")!;
    bind.source = store("conf");
    delete bind.bind!.create_host_path;
    web.configs = [{ source: "inline-abababababab", target: "/inline" }];
    web.secrets = [{ source: "key-abababababab", target: "/run/secrets/key" }];
    expected.configs = { "inline-abababababab": { name: "shop_inline", file: store("inline") } };
    expected.secrets = { "key-abababababab": { name: "shop_key", file: store("key") } };
    const written = host.document.services.web!.volumes!.find(({ target }) => target === "/conf")!;
    if (written.bind?.create_host_path === false) delete written.bind.create_host_path;
    assert.deepEqual(host.document, expected);
  });

  it("and the rendering carry any text to the host exactly", async () => {
    const texts = fc.sample(
      fc.oneof(
        fc.string({ unit: "grapheme" }),
        fc.string({
          unit: fc.constantFrom("$", "{", "}", "\\", "\n", '"', "'", "#", ":", "-", " ", "A", "~"),
        }),
        fc.string({ unit: fc.constantFrom("\n", " ", "a", "\u0085", "\u007f", "\u009f", "\ufeff") }),
        fc.constantFrom("\na\nb", ...scalarForms),
      ),
      300,
    );
    // compose's schema asks for one character that is no line break.
    const keys = texts.filter((text) => /[^\n]/.test(text));
    const escaped = (text: string) => text.replaceAll("$", "$$$$");
    const quoted = { defaultStringType: "QUOTE_DOUBLE", lineWidth: 0 } as const;
    const inAscii = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
    const entries = texts.map((text, i): [string, string] => [`V${i}`, escaped(text)]);
    const author = await read(
      await write({
        "compose.yaml": stringify(
          {
            name: "shop",
            services: {
              web: {
                image: "web",
                environment: Object.fromEntries(entries),
                labels: Object.fromEntries(entries),
                annotations: Object.fromEntries(keys.map((text) => [text, escaped(text)])),
                command: ["echo", ...texts.map(escaped)],
              },
            },
          },
          quoted,
        ).replace(/[\u007f-\u009f\u2028\ufeff]/g, inAscii),
      }),
    );
    const rendered = renderCompose(author, { images: {}, files: new Map() });
    const host = await read(await write({ "host/compose.yaml": rendered }));
    for (const { document } of [author, host]) {
      const { environment, labels, annotations, command } = document.services.web as Record<
        string,
        Record<string, string>
      >;
      for (const [i, text] of texts.entries()) {
        assert.equal(environment![`V${i}`], text);
        assert.equal(labels![`V${i}`], text);

        assert.equal((command as unknown as string[])[i + 1], text);
      }
      for (const key of keys) assert.equal(own(annotations, key), key);
      assert.equal(Object.keys(annotations!).length, new Set(keys).size);
    }
  });

  // For all that a container does not show; tests/integration/compose-differential.test.ts looks at what it does.
  for (const odd of ["7e12345", `0x${"0123456789abcdef".repeat(4)}`, "0777", "a$$$$b", "null", "1_0"]) {
    it(`and the rendering keep ${odd} in every field that is a text`, async () => {
      const text = JSON.stringify(odd);
      const map = `{ ${text}: ${text} }`;
      const list = `[${text}]`;
      const author = await read(
        await write({
          "compose.yaml": `
name: shop
services:
  web:
    image: ${text}
    annotations: ${map}
    blkio_config: { device_read_bps: [{ path: ${text}, rate: 12mb }] }
    cap_add: ${list}
    cap_drop: ${list}
    cgroup_parent: ${text}
    command: ${list}
    configs: [{ source: c, target: ${text}, uid: ${text}, gid: ${text} }]
    ${odd.includes("$") ? "" : `container_name: ${text}`}
    cpuset: ${text}
    deploy:
      labels: ${map}
      endpoint_mode: ${text}
      placement: { constraints: ${list}, preferences: [{ spread: ${text} }] }
      resources: { reservations: { devices: [{ capabilities: ${list}, driver: ${text}, device_ids: ${list}, options: ${map} }] } }
    device_cgroup_rules: ["c 1:3 mr"]
    devices: ${list}
    dns: ${list}
    dns_opt: ${list}
    dns_search: ${list}
    domainname: ${text}
    entrypoint: ${list}
    environment: ${map}
    external_links: ${list}
    extra_hosts: { ${text}: "10.0.0.1" }
    group_add: ${list}
    healthcheck: { test: [CMD, ${text}] }
    hostname: ${text}
    ipc: ${text}
    isolation: ${text}
    labels: ${map}
    logging: { driver: ${text}, options: ${map} }
    mac_address: ${text}
    networks: { odd: { aliases: ${list}, driver_opts: ${map} } }
    pid: ${text}
    platform: ${text}
    ports: [{ target: 80, published: "8080", name: ${text}, app_protocol: ${text} }]
    runtime: ${text}
    secrets: [{ source: s, target: ${text}, uid: ${text}, gid: ${text} }]
    security_opt: ${list}
    stop_signal: ${text}
    storage_opt: ${map}
    sysctls: ${map}
    user: ${text}
    userns_mode: ${text}
    uts: ${text}
    volumes: [{ type: volume, source: v, target: ${text} }]
    working_dir: ${text}
  # Newer versions of compose allow one mount at a path.
  bind: { image: ${text}, volumes: [{ type: bind, source: /srv/data, target: ${text}, bind: { create_host_path: true } }] }
  tmpfs: { image: ${text}, tmpfs: ${list} }
networks:
  odd: { name: ${text}, driver: ${text}, driver_opts: ${map}, labels: ${map}, ipam: { driver: ${text}, options: ${map} } }
volumes: { v: { name: ${text}, driver: ${text}, driver_opts: ${map}, labels: ${map} } }
configs: { c: { file: ./c, name: ${text} } }
secrets: { s: { file: ./s, name: ${text} } }
`,
        }),
      );
      const rendered = renderCompose(author, { images: {}, files: new Map() });
      const host = await read(await write({ "host/compose.yaml": rendered }));
      for (const { labels } of [host.document.services.web!, host.document.networks!.odd!]) {
        for (const key of Object.keys(labels!)) if (key.startsWith("dev.everfresh.")) delete labels![key];
      }
      assert.deepEqual(host.document, author.document);
      // A mapping's key is the text as it is written, a value is what compose makes of it.
      const value = odd.replaceAll("$$", "$");
      assert.ok(JSON.stringify(author.document).split(JSON.stringify(value)).length > 60);
    });
  }

  it("tells relative mounts of included and extended files from the host's own", async () => {
    const { files } = await read(
      await write({
        "compose.yaml": `
name: shop
include: [sub/included.yaml]
services:
  web:
    extends: { file: sub/base.yaml, service: base }
    volumes: ["\${PLACE:-./conf}:/conf", "\${DATA:-/srv/data}:/data"]
`,
        "sub/included.yaml": 'services: { api: { image: a, volumes: ["./api:/api"] } }',
        "sub/base.yaml": 'services: { base: { image: a, volumes: ["./base:/base"] } }',
      }),
    );
    assert.deepEqual(files.map(({ source }) => path.relative(folder, source!)).sort(), [
      "conf",
      "sub/api",
      "sub/base",
    ]);
  });

  it("refuses the home folder as compose understands it", async () => {
    const file = await write({
      "compose.yaml": 'services: { web: { image: a, volumes: ["~/conf:/conf"] } }',
    });
    await assert.rejects(
      read(file),
      /services\.web\.volumes \(\/conf\): `~\/conf` means this machine's home folder; /,
    );
  });

  it("merges several files as compose does, relative to the first one", async () => {
    const file = await write({
      "compose.yaml": "services: { web: { image: a, environment: { A: '1' } } }",
      "prod/override.yaml": 'services: { web: { environment: { B: "2" }, volumes: ["./c:/c"] } }',
    });
    const project = await read(file, path.join(folder, "prod/override.yaml"));
    assert.deepEqual(project.document.services.web!.environment, { A: "1", B: "2" });
    assert.equal(project.files[0]!.source, path.join(folder, "c"));
  });

  it("is refused where it prints what is no YAML", async () => {
    const environment = 'environment: { A: "\\u2028 a\\nb" }';
    const file = await write({ "compose.yaml": `services: { web: { image: a, ${environment} } }` });
    await assert.rejects(read(file), (error) => {
      assert.ok(error instanceof Problems, String(error));
      assert.match(
        error.message,
        /^the compose file: .*line \d+\); a text in it begins with an odd character/s,
      );
      return true;
    });
  });

  it("keeps a text of x-everfresh that looks like a number, and refuses one that is", async () => {
    const verify = (...bodies: string[]) => {
      const services = bodies.map(
        (body, i) =>
          `s${i}: { image: a, x-everfresh: { verify: { http: { port: 80, path: /, body: ${body} } } } }`,
      );
      return write({ "compose.yaml": `services: { ${services.join(", ")} }` });
    };
    const written = scalarForms.map((text) => JSON.stringify(text.replaceAll("$", "$$$$")));
    const { services } = await read(await verify(...written));
    for (const [i, text] of scalarForms.entries()) {
      const { verify } = services.find(({ name }) => name === `s${i}`)!;
      assert.deepEqual(verify, [{ kind: "http", port: 80, path: "/", status: 200, body: text }]);
    }
    await assert.rejects(
      read(await verify("0x10")),
      new Problems(["services.s0.x-everfresh.verify.http.body: must be a text; see docs/configuration.md"]),
    );
    await assert.rejects(
      read(await verify('"\\na"')),
      /^Problems: services\.s0\.x-everfresh: has a text that begins with a blank or a line break, or /,
    );
  });

  it("names the value that is not UTF-8, wherever it comes from", async () => {
    const file = await write({
      "compose.yaml": "services: { web: { image: a, env_file: latin1.env, labels: { A: $A } } }",
    });
    await writeFile(path.join(folder, "latin1.env"), Buffer.from("B=caf\xe9\n", "latin1"));
    await writeFile(path.join(folder, ".env.deploy"), Buffer.from("A=caf\xe9\n", "latin1"));
    await assert.rejects(
      read(file),
      new Problems(
        ["services.web.environment.B", "services.web.labels.A"].map(
          (where) => `${where}: has bytes that are not UTF-8; write it in UTF-8, or in base64`,
        ),
      ),
    );
  });

  it("names the variable of our own environment that is not UTF-8, if it is used", async () => {
    const readWith = async (labels: string) => {
      const file = await write({ "compose.yaml": `services: { web: { image: a, labels: { ${labels} } } }` });
      const program = `require("./adapters/compose").readCompose({ composeFiles: [${JSON.stringify(file)}] })
        .then(({ environment }) => console.log("read", environment.LATIN1), (error) => console.log(error.message))`;
      const inLatin1 = 'LATIN1=$(printf "caf\\351") exec "$@"';
      const argv = ["-c", inLatin1, "sh", process.execPath, "--import", "tsx", "-e", program];
      return execFileSync("sh", argv, { encoding: "utf8" }).trim();
    };
    // As it came to us: whoever takes a value from there sees that it has lost something.
    assert.equal(await readWith("A: $HOME"), "read caf\ufffd");
    assert.equal(
      await readWith("A: $LATIN1"),
      "LATIN1: the variable is not UTF-8; give it a value in UTF-8, or in base64",
    );
  });

  it("is asked for the project name and the variables that were configured", async () => {
    const file = await write({
      "compose.yaml": "services: { web: { image: $IMAGE } }",
      ".env.deploy": "IMAGE=wrong\n",
      "prod.env": "IMAGE=right\n",
    });
    const given = { composeFiles: [file], projectName: "corner", envFile: path.join(folder, "prod.env") };
    const { name, services } = readProject(await readCompose(given));
    assert.equal(name, "corner");
    assert.equal(services[0]!.image, "right");
  });

  it("does not need the folders of the mounts, the contexts and the secrets to exist", async () => {
    const file = await write({
      "compose.yaml": 'services: { web: { build: gone, volumes: ["./gone:/a"] } }',
    });
    assert.equal((await read(file)).files.length, 1);
  });
});

describe("readCompose", () => {
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(path.join(os.tmpdir(), "everfresh-compose-")));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("names every file that is missing", async () => {
    const composeFiles = [path.join(folder, "a.yaml"), path.join(folder, "b.yaml")];
    await assert.rejects(
      readCompose({ composeFiles }),
      new Problems(
        composeFiles.map((file) => `everfresh:composeFile: ${file} does not exist; correct the path`),
      ),
    );
  });

  it("names an env file that is missing, but needs none", async () => {
    const file = await write({ "compose.yaml": "services: {}" });
    const envFile = path.join(folder, "prod.env");
    await assert.rejects(
      readCompose({ composeFiles: [file], envFile }),
      new Problems([`everfresh:envFile: ${envFile} does not exist; correct the path`]),
    );
  });

  const mistakes: [string, string, RegExp][] = [
    ["a file that is no YAML", "services: [", /yaml: .*line 1/],
    ["a setting that there is not", "services: { web: { imag: a } }", /imag/],
    [
      "a service on which nothing can depend",
      "services: { web: { image: a, depends_on: [b] } }",
      /depends on undefined service/,
    ],
    [
      "what makes some versions of compose crash",
      "services: { web: { image: a, command: [a, 2030-01-02] } }",
      /: panic: |time\.Time/,
    ],
  ];
  for (const [name, text, said] of mistakes) {
    it(`says in compose's words what is wrong with ${name}`, async () => {
      const file = await write({ "compose.yaml": text });
      await assert.rejects(readCompose({ composeFiles: [file] }), (error) => {
        assert.ok(error instanceof Problems, String(error));
        assert.equal(error.problems.length, 1);
        assert.match(error.message, said);
        assert.ok(error.message.startsWith(`${file}: `), error.message);
        assert.ok(
          error.message.endsWith("; correct the compose file (`docker compose config` shows the same)"),
        );
        assert.doesNotMatch(error.message, /level=|goroutine|\n/);
        return true;
      });
    }).timeout(30_000);
  }

  it("says what to do about an env file that is missing, and about a variable that must be set", async () => {
    const refused = async (service: string, said: string) => {
      const file = await write({ "compose.yaml": `services: { web: { ${service} } }` });
      await assert.rejects(readCompose({ composeFiles: [file] }), new Problems([`${file}: ${said}`]));
    };
    await refused(
      "image: a, env_file: a.env",
      "its env file a.env does not exist; create it, or say `required: false` of it",
    );
    await refused(
      "image: '${NO:?give one}'",
      "the variable NO is not set: give one; set it where `pulumi up` runs, or in the env file",
    );
  });

  it("quotes no value in what compose says, as it may be a secret", async () => {
    const line = "B{=hunter2\n";
    const refusals: [Record<string, string>, RegExp][] = [
      [
        { "compose.yaml": 'services: { web: { image: a, environment: { A: "hunter2${" } } }' },
        /services\.web\.environment\.A \(a dollar sign is written `\$\$`\)/,
      ],
      [
        { "compose.yaml": "services: { web: { image: a } }", ".env.deploy": line },
        /\.env\.deploy: line 1: cannot be read/,
      ],
      [
        { "compose.yaml": "services: { web: { image: a, env_file: a.env } }", "a.env": line },
        /line 1: cannot be read/,
      ],
      [
        { "compose.yaml": "services: { web: { image: a } }", ".env.deploy": "A=1\nB='hunter2\n" },
        /\.env\.deploy: line \d+: cannot be read as variables/,
      ],
      [
        { "compose.yaml": "services: { web: { image: a, env_file: a.env } }", "a.env": "B='hunter2\n" },
        /line \d+: cannot be read as variables/,
      ],
      [
        { "compose.yaml": "services: { web: { image: a, env_file: a.env } }", "a.env": "B=${hunter2\n" },
        /cannot be read as variables|invalid template/i,
      ],
      [
        { "compose.yaml": "services: { web: { image: a, cpus: $CPUS } }", ".env.deploy": "CPUS=hunter2\n" },
        /services\.web\.cpus: .*a value: invalid syntax/,
      ],
    ];
    for (const [files, said] of refusals) {
      await rm(path.join(folder, ".env.deploy"), { force: true });
      await assert.rejects(readCompose({ composeFiles: [await write(files)] }), (error: Error) => {
        assert.ok(error instanceof Problems, String(error));
        assert.match(error.message, said);
        assert.doesNotMatch(error.message, /hunter/);
        return true;
      });
    }
  });

  it("says when docker, or its compose plugin, is not installed", async () => {
    const file = await write({ "compose.yaml": "services: {}", "bin/none": "" });
    const { PATH } = process.env;
    process.env.PATH = path.join(folder, "bin");
    try {
      const source = { composeFiles: [file] };
      await assert.rejects(
        readCompose(source),
        new Problems(["docker: is not installed here; run `npm run setup`"]),
      );
      const docker = await write({
        "bin/docker": `#!/bin/sh\necho "docker: 'compose' is not a docker command." >&2\nexit 1\n`,
      });
      await chmod(docker, 0o755);
      await assert.rejects(
        readCompose(source),
        new Problems(["docker compose: version 2 is not installed here; run `npm run setup`"]),
      );
    } finally {
      process.env.PATH = PATH;
    }
  });
});

/** Where each file of a project would lie on a host. */
function places({ files }: ComposeProject): Map<string, string> {
  return new Map(files.map(({ key, name }) => [key, storePath(fingerprint, name)]));
}
