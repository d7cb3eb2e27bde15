import assert from "node:assert/strict";
import path from "node:path";
import fc from "fast-check";
import { parse } from "yaml";
import { readCompose } from "../../adapters/compose";
import { readProject } from "../../core/compose/read-project";
import { inABox } from "./support/box";
import { anyText, composeName, damaged, damagedText, secret, shortText } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { Refusal, valueOrRefusal } from "./support/refusals";
import { asOnAHost, escaped, exactYaml, plain, rendered, write } from "./support/rendered";

describe("hostile compose files", function () {
  this.timeout(patienceFor(60_000));
  const box = inABox();
  const read = (document: unknown) =>
    readCompose({ composeFiles: [write(path.join(box.own, "compose.yaml"), exactYaml(document))] }).then(
      readProject,
    );

  it("have their values preserved exactly on the host", () => {
    // What compose prints of a text with both kinds of line ends may be no YAML: it is refused.
    const printable = shortText.filter((text) => !/[\r\n]/.test(text) || !/[\u0085\u2028\u2029]/.test(text));
    const values = fc.array(printable, { minLength: 60, maxLength: 60 });
    const carried = async (texts: string[]) => {
      const all = Object.fromEntries(texts.map((text, i) => [`V${i}`, escaped(text)]));
      const words = texts.map(escaped);
      // Compose says extension fields in YAML only, whose printer loses these: they are refused.
      const checks = texts.filter((text) => !/^\s|[\u0085\u2028\u2029]/.test(text));
      const author = await read({
        name: "shop",
        services: {
          web: {
            build: { context: ".", args: all, labels: all, secrets: ["key"] },
            environment: all,
            labels: all,
            annotations: all,
            command: ["run", ...words],
            entrypoint: ["run", ...words],
            healthcheck: { test: ["CMD", ...words] },
            logging: { driver: "local", options: all },
            secrets: ["key"],
            configs: Object.keys(all),
            "x-everfresh": {
              verify: { command: ["run", ...checks.map(escaped)], file: { path: "/x", contains: ".$$" } },
            },
          },
        },
        networks: { default: { labels: all, driver_opts: all } },
        configs: Object.fromEntries(Object.entries(all).map(([name, content]) => [name, { content }])),
        secrets: { key: { environment: "PATH" } },
      });
      const host = asOnAHost(box.own, rendered(author));
      const web = host.services.web!;
      const [service] = author.services;
      const network = host.networks!.default!;
      for (const [i, text] of texts.entries()) {
        const key = `V${i}`;
        const got: Record<string, string | null | undefined> = {
          environment: plain(web.environment![key]!),
          label: plain(web.labels![key]!),
          annotation: plain(web.annotations![key]!),
          command: plain(web.command![i + 1]!),
          entrypoint: plain(web.entrypoint![i + 1]!),
          healthcheck: plain(web.healthcheck!.test[i + 1]!),
          logging: plain(web.logging!.options[key]!),
          "network label": plain(network.labels![key]!),
          "driver option": plain(network.driver_opts![key]!),
          "build argument": service!.build!.args[key],
          "build label": service!.build!.labels[key],
          config: author.files.find(({ key: at }) => at === `configs.${key}`)?.text,
        };
        for (const [where, value] of Object.entries(got)) assert.equal(value, text, where);
      }
      assert.deepEqual(service!.verify, [
        { kind: "command", command: ["run", ...checks] },
        { kind: "file", path: "/x", contains: ".$" },
      ]);
    };
    return tryAll("compose files", 5, values, carried, {
      each: (texts) => texts.length,
      within: 30_000,
      dear: true,
    });
  });

  it("have their keys preserved exactly on the host", () => {
    // Compose splits or trims what is no name; these are keys all the same.
    const key = shortText.filter((each) => each !== "" && !/[=\s]/.test(each) && each !== "<<");
    const keys = fc.uniqueArray(key, { minLength: 40, maxLength: 40 });
    const carried = async (texts: string[]) => {
      const all = Object.fromEntries(texts.map((text, i) => [text, `v${i}`]));
      const author = await read({
        name: "shop",
        services: {
          web: {
            build: { context: ".", args: all },
            labels: all,
            logging: { driver: "local", options: all },
          },
        },
        networks: { default: { labels: all } },
      });
      const host = asOnAHost(box.own, rendered(author));
      const web = host.services.web!;
      const records: Record<string, Record<string, string | null> | undefined> = {
        label: web.labels,
        "logging option": web.logging!.options,
        "network label": host.networks!.default!.labels,
        "build argument": author.services[0]!.build!.args,
      };
      for (const [where, record] of Object.entries(records)) {
        // What `config` prints has the dollar signs of keys escaped too.
        const asPrinted = (key: string) => (where === "build argument" ? key : plain(key));
        const got = new Map(Object.entries(record ?? {}).map(([key, value]) => [asPrinted(key), value]));
        for (const [i, text] of texts.entries())
          assert.equal(got.get(text), `v${i}`, `${where} ${JSON.stringify(text)}`);
      }
    };
    return tryAll("compose files", 4, keys, carried, {
      each: (texts) => texts.length,
      within: 30_000,
      dear: true,
    });
  });

  it("have every name that compose allows preserved on the host", () => {
    const list = fc.uniqueArray(composeName, { minLength: 20, maxLength: 20 });
    const carried = async (names: string[]) => {
      const each = <T>(value: (name: string) => T) =>
        Object.fromEntries(names.map((name) => [name, value(name)]));
      const author = await valueOrRefusal(() =>
        read({
          name: "shop",
          services: each((name) => ({
            image: "a",
            networks: [name],
            configs: [name],
            secrets: [name],
            volumes: [{ type: "volume", source: name, target: "/v" }],
          })),
          networks: each(() => ({})),
          volumes: each(() => ({})),
          configs: each((name) => ({ content: `c ${name}` })),
          secrets: each(() => ({ environment: "PATH" })),
        }),
      );
      // What cannot be the name of a file on a host may be refused, by that name.
      if (author instanceof Refusal) {
        for (const message of author.messages) assert.match(message, /\.{1,2}[:`]/, message);
        return;
      }
      assert.deepEqual(author.services.map(({ name }) => name).sort(), [...names].sort());
      const host = asOnAHost(box.own, rendered(author));
      assert.deepEqual(Object.keys(host.services).sort(), [...names].sort());
      for (const name of names) {
        assert.equal(author.files.find(({ key }) => key === `configs.${name}`)?.text, `c ${name}`);
        assert.ok(
          author.files.some(({ key }) => key === `secrets.${name}`),
          `secret ${name}`,
        );
      }
    };
    return tryAll("compose files", 5, list, carried, {
      each: (names) => names.length,
      within: 30_000,
      dear: true,
    });
  });

  it("of any content are accepted, or refused in our own words without a secret", () => {
    const good = {
      name: "shop",
      services: {
        web: {
          build: {
            context: "web",
            dockerfile: "Dockerfile",
            args: { A: "1" },
            additional_contexts: { base: "docker-image://a" },
            secrets: ["npm"],
            target: "last",
          },
          ports: ["127.0.0.1:8080:80", { target: 53, published: "53", protocol: "udp" }],
          volumes: [
            "./conf:/conf:ro",
            "named:/named",
            { type: "bind", source: "./x", target: "/x", read_only: true },
          ],
          configs: ["inline"],
          secrets: ["key"],
          environment: { TOKEN: "${TOKEN}", OTHER: "${OTHER:-none}" },
          env_file: [{ path: "web.env", required: false }],
          depends_on: { api: { condition: "service_healthy", restart: true } },
          deploy: { replicas: 2, resources: { limits: { memory: "64M" } } },
          "x-everfresh": {
            verify: {
              http: { path: "/", port: 80, status: 200, body: "x" },
              command: ["true"],
              file: { path: "/a", contains: "b" },
            },
          },
        },
        api: { image: "redis:7", healthcheck: { test: ["CMD", "true"] }, extends: { service: "base" } },
        base: { image: "redis:7", labels: ["a=b"] },
      },
      configs: { inline: { content: "a" } },
      secrets: { npm: { file: "./npm" }, key: { environment: "PATH" } },
      networks: { default: { driver: "bridge" } },
      volumes: { named: {} },
    };
    const documents = fc.oneof(
      { weight: 4, arbitrary: damaged(good).map(exactYaml) },
      { weight: 1, arbitrary: damagedText(exactYaml(good)) },
    );
    return tryAll(
      "compose files",
      10,
      documents,
      async (text) => {
        const file = write(path.join(box.own, "compose.yaml"), text);
        write(path.join(box.own, ".env.deploy"), `TOKEN=${secret}\n`);
        const project = await valueOrRefusal(async () =>
          readProject(await readCompose({ composeFiles: [file] })),
        );
        if (!(project instanceof Refusal)) parse(rendered(project));
      },
      { within: 30_000, dear: true },
    );
  });

  it("reveal nothing of the interpolation file in a refusal", () => {
    const files = damagedText(`FIRST=1\nTOKEN=${secret}\nQUOTED="${secret}"\nLAST='${secret}'\n`);
    return tryAll(
      "compose files",
      8,
      files,
      async (text) => {
        write(path.join(box.own, ".env.deploy"), text);
        await valueOrRefusal(() => read({ name: "shop", services: { web: { image: "a${LAST}" } } }));
      },
      { within: 30_000, dear: true },
    );
  });

  it("named by any file name or variable are read, or refused in our own words", () => {
    const names = fc.tuple(anyText, anyText, anyText);
    return tryAll(
      "compose files",
      15,
      names,
      async ([composeFile, projectName, envFile]) => {
        const found = await valueOrRefusal(() =>
          readCompose({ composeFiles: [composeFile], projectName, envFile }),
        );
        if (!(found instanceof Refusal)) assert.ok(typeof found.resolved === "string");
      },
      { within: 30_000, dear: true },
    );
  });
});
