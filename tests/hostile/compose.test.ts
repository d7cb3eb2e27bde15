import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { parse } from "yaml";
import { readCompose } from "../../adapters/compose";
import { makeBuildFolder } from "../../components/build-folder";
import type { ComposeText } from "../../core/compose/document";
import type { ComposeProject } from "../../core/compose/project";
import { readProject } from "../../core/compose/read-project";
import { renderCompose, storePath } from "../../core/compose/render";
import type { BuildSpec } from "../../core/content";
import { deployStdin } from "../../core/host/program";
import type { Release } from "../../core/host/types";
import { repositories } from "../../core/images";
import { inABox, listing } from "./support/box";
import { anyText, composeName, damaged, damagedText, line, secret, shortText } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { Refusal, rangeError, valueOrRefusal } from "./support/refusals";

const fingerprint = "ab".repeat(32);
const image = `registry.example.com/shop-web@sha256:${fingerprint}`;

/** Compose's escape of a dollar sign, and back. */
const escaped = (text: string) => text.replaceAll("$", "$$$$");
const plain = (text: string) => text.replaceAll("$$", "$");

/** A document that compose reads exactly: JSON, in which every character that YAML may change is escaped. */
const exactYaml = (document: unknown) =>
  JSON.stringify(document).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

function write(file: string, content: string | Buffer): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** What a host's compose makes of the rendering. */
function asOnAHost(folder: string, rendering: string): HostDocument {
  const file = write(path.join(folder, "host", "compose.yaml"), rendering);
  const args = ["compose", "-p", "shop", "-f", file, "config", "--format", "json"];
  const said = execFileSync("docker", args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return JSON.parse(said) as HostDocument;
}

interface HostDocument {
  services: Record<string, HostService>;
  configs?: Record<string, { file: string }>;
  secrets?: Record<string, { file: string }>;
  networks?: Record<string, { labels?: Record<string, string>; driver_opts?: Record<string, string> }>;
}
interface HostService {
  environment?: Record<string, string>;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  command?: string[];
  entrypoint?: string[];
  healthcheck?: { test: string[] };
  logging?: { options: Record<string, string> };
  user?: string;
  working_dir?: string;
}

const places = (project: ComposeProject) =>
  new Map(project.files.map(({ key, name }) => [key, storePath(fingerprint, name)]));
const rendered = (project: ComposeProject) =>
  renderCompose(project, {
    images: Object.fromEntries(project.services.map(({ name }) => [name, image])),
    files: places(project),
  });

describe("hostile compose files", function () {
  this.timeout(patienceFor(60_000));
  const box = inABox();
  const read = (document: unknown) =>
    readCompose({ composeFiles: [write(path.join(box.own, "compose.yaml"), exactYaml(document))] }).then(
      readProject,
    );

  it("have their values carried to the host exactly", () => {
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

  it("have their keys carried to the host exactly", () => {
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
        const said = (key: string) => (where === "build argument" ? key : plain(key));
        const got = new Map(Object.entries(record ?? {}).map(([key, value]) => [said(key), value]));
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

  it("have every name that compose allows carried to the host", () => {
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

  it("of any content are taken, or refused in our own words without a secret", () => {
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

  it("show nothing of the interpolation file in a refusal", () => {
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

  it("that a file name or a variable leads to are read, or refused in our own words", () => {
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

/** As compose prints a document that it has resolved; for what needs no compose to be seen. */
const resolvedBy = (document: unknown): ComposeText => ({
  warnings: [],
  marks: { home: "/marked-home", folder: "/marked-folder" },
  sources: "",
  fromEnvFile: {},
  createHostPath: false,
  resolved: exactYaml(document),
  exact: exactYaml(document),
  written: exactYaml(document),
  folder: "/project",
  environment: {},
});

describe("hostile names in a resolved document", function () {
  this.timeout(patienceFor(30_000));
  const box = inABox();

  it("are kept, each with its own value", () => {
    const names = fc.uniqueArray(composeName, { minLength: 1, maxLength: 8 });
    return tryAll("compose files", 120, names, async (names) => {
      const each = <T>(value: (name: string, i: number) => T) =>
        Object.fromEntries(names.map((name, i) => [name, value(name, i)]));
      const document = {
        name: "shop",
        services: each((name, i) => ({
          image: `image-${i}`,
          command: null,
          entrypoint: null,
          environment: { [name]: `e${i}` },
          labels: { [name]: `l${i}` },
          depends_on: Object.fromEntries(
            names.slice(0, i).map((other) => [other, { condition: "service_started" }]),
          ),
          networks: { [name]: null },
          configs: [{ source: name }],
        })),
        networks: each((name) => ({ name: `shop_${name}`, internal: true })),
        configs: each((name) => ({ name: `shop_${name}`, content: `c ${name}` })),
      };
      const project = await valueOrRefusal(() => readProject(resolvedBy(document)));
      if (project instanceof Refusal)
        return assert.ok(
          names.some((name) => /^\.{1,2}$/.test(name)),
          String(project.messages),
        );
      assert.deepEqual(
        project.services.map(({ name, image }) => [name, image]),
        names.map((name, i) => [name, `image-${i}`]),
      );
      const host = parse(rendered(project)) as HostDocument;
      assert.deepEqual(Object.keys(host.services).sort(), [...names].sort());
      for (const [i, name] of names.entries()) {
        const service = new Map(Object.entries(host.services)).get(name)!;
        assert.equal(Object.entries(service.environment!)[0]?.join(), `${name},e${i}`);
        assert.equal(Object.entries(service.labels!).find(([key]) => key === name)?.[1], `l${i}`);
        assert.equal(project.files.find(({ key }) => key === `configs.${name}`)?.text, `c ${name}`);
      }
    });
  });

  it("lead to no file of a release outside of its place in the store", () => {
    const names = fc.tuple(
      composeName,
      anyText.filter((name) => !name.includes("\0")),
    );
    return tryAll("compose files", 120, names, async ([config, file]) => {
      const document = {
        name: "shop",
        services: { web: { image: "a", configs: [{ source: config }], secrets: [{ source: "key" }] } },
        configs: Object.fromEntries([[config, { content: "x" }]]),
        secrets: { key: { file: escaped(`/project/${file}`) } },
      };
      const project = await valueOrRefusal(() => readProject(resolvedBy(document)));
      if (project instanceof Refusal) return;
      for (const { name } of project.files) {
        const release = releaseWith(name);
        const sent = await valueOrRefusal(() => deployStdin(release), { documented: rangeError });
        if (sent instanceof Refusal) continue;
        const place = path.posix.normalize(storePath(fingerprint, name));
        assert.ok(place.startsWith(`store/${fingerprint}/`) && !place.slice(71).includes("/"), place);
      }
    });
  });

  it("name an image that can be pushed, or are refused in our own words", () => {
    const names = fc.uniqueArray(composeName, { maxLength: 5 });
    return tryAll("compose files", 150, fc.tuple(names, composeName), async ([services, project]) => {
      const images = await valueOrRefusal(() => repositories("registry.example.com/team", project, services));
      if (images instanceof Refusal) return;
      const found = Object.entries(images);
      assert.deepEqual(found.map(([service]) => service).sort(), [...services].sort());
      assert.equal(new Set(found.map(([, repository]) => repository)).size, services.length);
      for (const [, repository] of found)
        assert.match(repository, /^registry\.example\.com\/team\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/);
    });
  });

  it("lead to no folder of a build outside of its own", () => {
    const name = fc.oneof(composeName, anyText);
    const input = fc.record({
      stack: name,
      service: composeName,
      context: name,
      secretId: name,
      dockerfile: fc.option(line, { nil: undefined }),
    });
    return tryAll("compose files", 120, input, async ({ stack, service, context, secretId, dockerfile }) => {
      const builds = path.join(box.own, ".everfresh", "build");
      const source = path.join(box.own, "source");
      write(path.join(source, "Dockerfile"), "FROM scratch\n");
      write(path.join(box.own, "sibling", "file"), "the neighbour's\n");
      const others = () => listing(box.own).filter((line) => !line.startsWith(`${box.own}/.everfresh`));
      const before = others();
      const build: BuildSpec = {
        context: source,
        args: {},
        labels: {},
        platforms: [],
        additionalContexts: Object.fromEntries([[context, source]]),
        secrets: [secretId],
        ssh: [],
        ...(dockerfile === undefined ? {} : { dockerfile }),
      };
      const secrets = [{ id: secretId, file: path.join(source, "Dockerfile") }];
      const made = await valueOrRefusal(() => makeBuildFolder(stack, service, build, fingerprint, secrets), {
        documented: missing,
      });
      assert.deepEqual(others(), before, "something beside the build's folder was changed");
      if (!(made instanceof Refusal)) {
        // One folder of one service of one stack, and not within another one.
        for (const file of [made.context, made.log])
          assert.match(path.relative(builds, path.resolve(file)), /^(?!\.\.\/)[^/]+\/[^/]+\/[^/]+$/s);
        assert.equal(made.secret(secretId).id, secretId);
      }
      rmSync(path.join(box.own, ".everfresh"), { recursive: true, force: true });
    });
  });
});

/** A Dockerfile that is not there: the content's identity has refused it before a folder is made. */
const missing = (error: Error) =>
  /^(ENOENT|ENOTDIR|EISDIR|ENAMETOOLONG|EINVAL|ERR_FS_EISDIR|ERR_INVALID_ARG_VALUE)/.test(
    (error as NodeJS.ErrnoException).code ?? "",
  ) && (error as NodeJS.ErrnoException).syscall === "copyfile"
    ? []
    : undefined;

function releaseWith(name: string): Parameters<typeof deployStdin>[0] {
  const release: Release = {
    id: "r1",
    project: "shop",
    tag: "t",
    compose: "services: {}\n",
    files: [
      {
        fingerprint,
        path: name,
        entries: [{ type: "file", path: name, executable: false, bytes: Buffer.from("x") }],
      },
    ],
    services: [],
  };
  const numbers = { keepReleases: 1, lockWait: 1, healthTimeout: 1, settle: 0 };
  return { release, token: "t", lineage: "l", host: "h", who: "w", from: "f", stack: "s", ...numbers };
}
