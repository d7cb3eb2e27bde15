import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { readCompose } from "../../adapters/compose";
import { readProject } from "../../core/compose/read-project";
import { renderCompose, storePath } from "../../core/compose/render";
import { docker } from "../../lab/docker";
import { buildBase } from "../support/lab";
import { plainScalars, scalarForms } from "../support/scalar-forms";

const project = `everfresh-values-${process.pid}`;
/** The strings that YAML can write in one line. */
const oneLine = scalarForms.filter((text) => !/[\n]/.test(text));
const doubled = (text: string) => text.replaceAll("$", "$$$$");

/** Every way to write a string in a compose file (yaml.org/spec/1.2, chapters 7 and 8); the first is on the value's own line. */
const styles: ((text: string, indent: string) => string)[] = [
  (text) => JSON.stringify(text),
  (text) => `'${text.replaceAll("'", "''")}'`,
  (text, indent) => (/^\s|^$/.test(text) ? JSON.stringify(text) : `|-\n${indent}  ${text}`),
  (text, indent) => (/^\s|\s$|^$/.test(text) ? JSON.stringify(text) : `>-\n${indent}  ${text}`),
];
const written = oneLine.flatMap((text) =>
  styles.map((style) => (indent: string) => style(doubled(text), indent)),
);
const plain = plainScalars.map((text) => () => text);
const everyForm = [...written, ...plain];

/** A mapping of numbered keys, one per value. */
const mapping = (indent: string, values: ((indent: string) => string)[], key = (i: number) => `K${i}`) =>
  values.map((value, i) => `${indent}${key(i)}: ${value(indent)}`).join("\n");
const list = (indent: string, values: ((indent: string) => string)[]) =>
  values.map((value) => `${indent}- ${value(indent)}`).join("\n");
const asKey = (text: string) => JSON.stringify(text);
const keys = [...new Set(oneLine)].filter((text) => text !== "");

const composeFile = `
name: ${project}
services:
  variables:
    image: everfresh-test-base
    command: [sleep, inf]
    environment:
${mapping("      ", everyForm)}
  listed:
    image: everfresh-test-base
    command: [sleep, inf]
    environment:
${list(
  "      ",
  oneLine.map((text, i) => () => JSON.stringify(`L${i}=${doubled(text)}`)),
)}
    env_file: [values.env]
  labelled:
    image: everfresh-test-base
    command: [sleep, inf]
    labels:
${mapping("      ", everyForm)}
${mapping(
  "      ",
  keys.map((text) => () => JSON.stringify(doubled(text))),
  (i) => asKey(keys[i]!),
)}
  words:
    image: everfresh-test-base
    entrypoint:
${list("      ", written)}
    command:
${list("      ", written)}
    healthcheck:
      interval: 1h
      test:
        - CMD
${list("        ", written)}
  text:
    image: everfresh-test-base
    command: "echo 0x10 7e12345 '\\"$$A' \\\\$$B"
    healthcheck: { interval: 1h, test: "test 7e12345 = 0x10 && echo $$HOME" }
    user: "7e12345"
    domainname: "0x${"0123456789abcdef".repeat(4)}"
    hostname: "7e12345"
    working_dir: "/0x10/$$a"
    stop_signal: "9"
    group_add: ["0777", "7e12345"]
    dns_search: ["1e3", "0x10"]
    extra_hosts: { "7e12345": 10.0.0.1 }
    logging: { driver: json-file, options: { tag: "7e12345", labels: "0x10", env: "1e3" } }
    networks: { odd: { aliases: ["7e12345", "0x10", "a$$b"] } }
    volumes: ["0x10:/0x10", { type: volume, source: seven, target: "/7e12345" }]
    sysctls: { net.ipv4.ip_unprivileged_port_start: "0x10" }
    ports: ["8${String(process.pid % 1000).padStart(3, "0")}:80"]
  files:
    image: everfresh-test-base
    command: [sleep, inf]
    stop_signal: SIGKILL
    environment:
${mapping("      ", everyForm)}
    configs:
${list(
  "      ",
  keys.map((_, i) => () => `{ source: c${i}, target: /configs/${i} }`),
)}
    secrets: ["0x10", { source: seven, target: "7e12345" }]
    volumes: ["./mounted:/mounted:ro"]
networks:
  odd:
    labels:
${mapping("      ", everyForm)}
volumes:
  "0x10":
    labels:
${mapping("      ", everyForm)}
  seven: { driver_opts: { type: "0x10", o: "7e12345", device: "1e3" } }
configs:
${keys.map((text, i) => `  c${i}: { content: ${JSON.stringify(doubled(text))} }`).join("\n")}
secrets:
  "0x10": { file: "./0x10" }
  seven: { file: ./7e12345 }
`;

const files = {
  "compose.yaml": composeFile,
  "values.env": oneLine
    .filter((text) => !/['\\]/.test(text))
    .map((text, i) => `F${i}='${text}'`)
    .join("\n"),
  "0x10": "0x10",
  "7e12345": "7e12345\n",
  "mounted/0x10": "1e3",
};

describe("a container of a rendered compose file", function () {
  this.timeout(600_000);
  let folder: string;

  before(async () => {
    await buildBase();
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-values-"));
    for (const [name, text] of Object.entries(files)) await write(path.join(folder, name), text);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("gets exactly what docker compose gives it for the author's file", async () => {
    const author = path.join(folder, "compose.yaml");
    const host = await render(author, path.join(folder, "host"));
    const [expected, found] = [await observe(author), await observe(host)];
    assert.equal(expected.containers.length, 6);
    for (const [i, container] of expected.containers.entries())
      assert.deepEqual(found.containers[i], container);
    assert.deepEqual(found, expected);
    // Guards against comparing nothing: a string that looks like a number is there as a string.
    const environment = expected.containers.find(({ name }) => name.includes("variables"))!.Config
      .Env as string[];
    for (const text of oneLine)
      assert.ok(
        environment.some((line) => line.replace(/^K\d+=/, "") === text),
        text,
      );
  });

  /** Writes what everfresh would put on a host, into a separate folder. */
  async function render(author: string, to: string): Promise<string> {
    const read = readProject(await readCompose({ composeFiles: [author] }));
    const places = new Map<string, string>();
    for (const [i, { key, source, text, name }] of read.files.entries()) {
      const place = storePath(String(i).padStart(64, "0"), name);
      places.set(key, place);
      await mkdir(path.join(to, path.dirname(place)), { recursive: true });
      if (text !== undefined) await writeFile(path.join(to, place), text);
      else if (key === path.join(folder, "mounted")) await write(path.join(to, place, "0x10"), "1e3");
      else await writeFile(path.join(to, place), await readFile(source!));
    }
    await write(path.join(to, "compose.yaml"), renderCompose(read, { images: {}, files: places }));
    return path.join(to, "compose.yaml");
  }
});

async function write(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
}

/** The output of `docker inspect`. Its fields depend on the kind. */
// biome-ignore lint/suspicious/noExplicitAny: docker's own document, compared as a whole
type Inspected = Record<string, any>;

/** Everything that docker made from a compose file, except for random names and names derived from the file. */
async function observe(file: string) {
  const compose = (...words: string[]) => docker(["compose", "-p", project, "-f", file, ...words]);
  const inspect = async (kind: string, ids: string) =>
    ids === "" ? [] : (JSON.parse(await docker([kind, "inspect", ...ids.split("\n")])) as Inspected[]);
  const own = ["--filter", `label=com.docker.compose.project=${project}`];
  try {
    await compose("create", "--quiet-pull");
    await compose("up", "-d", "files");
    const containers = await inspect("container", await docker(["ps", "-aq", ...own]));
    const running = containers.find(({ State }) => State.Running)!;
    const shown = await docker([
      ...["exec", running.Id, "sh", "-c"],
      'tr "\\0" "\\n" </proc/1/environ | grep -v ^HOSTNAME= | sort; for f in /configs/* /run/secrets/* /mounted/*; do echo "$f"; od -c "$f"; done',
    ]);
    return {
      shown,
      containers: containers.map(observedContainer).sort(byText),
      networks: (await inspect("network", await docker(["network", "ls", "-q", ...own]))).map(
        ({ Name, Labels, Options, Driver }) => ({
          Name,
          Labels: theirs(Labels),
          Options,
          Driver,
        }),
      ),
      volumes: (await inspect("volume", await docker(["volume", "ls", "-q", ...own]))).map(
        ({ Name, Labels, Options, Driver }) => ({ Name, Labels: theirs(Labels), Options, Driver }),
      ),
    };
  } finally {
    await compose("down", "-v", "-t", "0");
  }
}

function observedContainer({ Name, Path, Args, Config, HostConfig, Mounts, NetworkSettings }: Inspected) {
  // compose copies a config into the container if it has only its text; a release mounts it. A mount's `Mode` only shows which
  // of docker's two syntaxes requested it; `RW` has the actual mode.
  const given = ({ Type, Destination }: { Type: string; Destination: string }) =>
    Type !== "bind" || !/^\/(configs|run\/secrets)\//.test(Destination);
  return {
    name: Name,
    Path,
    Args,
    Config: {
      ...Config,
      // compose orders variables and mounts arbitrarily.
      Env: Config.Env?.sort(),
      Labels: theirs(Config.Labels),
      Hostname: Config.Hostname.replace(/^[0-9a-f]{12}$/, ""),
    },
    HostConfig: {
      ...HostConfig,
      Binds: null,
      Mounts: (HostConfig.Mounts ?? []).filter(({ Type }: { Type: string }) => Type !== "bind").sort(byText),
    },
    Mounts: Mounts.filter(given)
      .map(({ Source: _, Mode: __, ...mount }: Record<string, unknown>) => mount)
      .sort(byText),
    networks: Object.values(NetworkSettings.Networks).map((network) =>
      (network as Inspected).Aliases?.filter((alias: string) => !/^[0-9a-f]{12}$/.test(alias)),
    ),
  };
}

const byText = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

const theirs = (labels: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(labels).filter(([key]) => !/^(com\.docker\.compose|dev\.everfresh)\./.test(key)),
  );
