import assert from "node:assert/strict";
import path from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import type { ComposeProject } from "../../../../core/compose/project";
import { renderCompose, storePath } from "../../../../core/compose/render";
import { own } from "../../../../core/records";
import { scalarForms } from "../../../support/scalar-forms";
import { folder, inProjectFolder, read, write } from "../../adapters/compose-project";

const fingerprint = "ab".repeat(32);

describe("a rendering that docker compose reads", function () {
  this.timeout(60_000);
  inProjectFolder();

  it("means the same to compose as the original file, except for images and files", async () => {
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

    // For labels that mark what compose itself ignores, see render.test.ts.
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

  it("preserves any text exactly on the way to the host", async () => {
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
    // compose's schema requires a character that is not a line break.
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

  // For fields that a container does not show; tests/integration/compose-differential.test.ts checks what it does show.
  for (const odd of ["7e12345", `0x${"0123456789abcdef".repeat(4)}`, "0777", "a$$$$b", "null", "1_0"]) {
    it(`keeps ${odd} in every field that holds a text`, async () => {
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
      // A key keeps the text as it is written; in a value, compose reads `$$` as a dollar sign.
      const value = odd.replaceAll("$$", "$");
      assert.ok(JSON.stringify(author.document).split(JSON.stringify(value)).length > 60);
    });
  }
});

/** Where each file of a project would be on a host. */
function places({ files }: ComposeProject): Map<string, string> {
  return new Map(files.map(({ key, name }) => [key, storePath(fingerprint, name)]));
}
