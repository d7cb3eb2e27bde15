import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { readCompose, readVariable } from "../../../adapters/compose";
import { readProject } from "../../../core/compose/read-project";
import { Problems } from "../../../core/problems";
import { folder, inProjectFolder, read, write } from "./compose-project";

describe("readCompose", function () {
  this.timeout(60_000);
  inProjectFolder();

  it("reads a project with everything in it", async () => {
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

  it("merges several files as compose does, with paths relative to the first one", async () => {
    const file = await write({
      "compose.yaml": "services: { web: { image: a, environment: { A: '1' } } }",
      "prod/override.yaml": 'services: { web: { environment: { B: "2" }, volumes: ["./c:/c"] } }',
    });
    const project = await read(file, path.join(folder, "prod/override.yaml"));
    assert.deepEqual(project.document.services.web!.environment, { A: "1", B: "2" });
    assert.equal(project.files[0]!.source, path.join(folder, "c"));
  });

  it("accepts variables with defaults wherever compose does", async () => {
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

  const base = "services: { base: { build: ./base, profiles: [build] } }";
  const web = "services: { web: { build: . } }";
  const withInactive: Record<string, Record<string, string>> = {
    "in the file itself": { "compose.yaml": `${base.replace(/}$/, ", web: { build: . } }")}\n` },
    "in an included file": { "compose.yaml": `include: [more.yaml]\n${web}\n`, "more.yaml": base },
  };
  for (const [where, files] of Object.entries(withInactive))
    it(`reads what services of inactive profiles build, ${where}`, async () => {
      const { services, inactive } = await read(await write(files));
      assert.deepEqual(
        services.map(({ name }) => name),
        ["web"],
      );
      assert.deepEqual(
        inactive.map(({ name, build }) => [name, build.context]),
        [["base", path.join(folder, "base")]],
      );
    });

  it("warns that services of inactive profiles cannot be read, and continues", async () => {
    const base = "{ build: ./base, profiles: [build], env_file: none.env }";
    const file = await write({ "compose.yaml": `services: { base: ${base}, web: { build: . } }` });
    const { warnings } = await readCompose({ composeFiles: [file] });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^the services of inactive profiles cannot be read, .*none\.env/);
  });

  it("repeats each of compose's warnings once, in compose's words", async () => {
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

  it("uses the configured project name and env file", async () => {
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

  it("does not need the folders of mounts and contexts to exist", async () => {
    const file = await write({
      "compose.yaml": 'services: { web: { build: gone, volumes: ["./gone:/a"] } }',
    });
    assert.equal((await read(file)).files.length, 1);
  });

  it("names every missing compose file", async () => {
    const composeFiles = [path.join(folder, "a.yaml"), path.join(folder, "b.yaml")];
    await assert.rejects(
      readCompose({ composeFiles }),
      new Problems(
        composeFiles.map((file) => `everfresh:composeFile: ${file} does not exist; correct the path`),
      ),
    );
  });

  it("names a missing env file if one is configured", async () => {
    const file = await write({ "compose.yaml": "services: {}" });
    const envFile = path.join(folder, "prod.env");
    await assert.rejects(
      readCompose({ composeFiles: [file], envFile }),
      new Problems([`everfresh:envFile: ${envFile} does not exist; correct the path`]),
    );
  });

  it("rejects a variable of our own environment that is not UTF-8, if the project uses it", async () => {
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
});

describe("readVariable", function () {
  this.timeout(60_000);
  inProjectFolder();
  const project = async (env: string) => ({
    composeFiles: [await write({ "compose.yaml": "services: {", ".env.deploy": env })],
  });
  const { X, ...surroundings } = process.env;

  it("prefers the environment to the env file", async () => {
    const source = await project("X=file\n");
    assert.deepEqual(await readVariable("X", source, { ...surroundings, X: "" }), {
      value: "",
      where: "environment",
    });
    assert.deepEqual(await readVariable("X", source, surroundings), {
      value: "file",
      where: path.join(folder, ".env.deploy"),
    });
  });

  const forms: [string, string | undefined][] = [
    ["export X='a $b' # why\n", "a $b"],
    ['A=1\nX="${A}2"\r\n', "12"],
    ["XY=1\n#X=2\n", undefined],
  ];
  for (const [env, value] of forms) {
    it(`reads ${JSON.stringify(env)} as compose does, and nothing from the compose file`, async () => {
      assert.equal((await readVariable("X", await project(env), surroundings))?.value, value);
    });
  }

  it("reads the configured env file, and finds nothing where there is none", async () => {
    const source = await project("X=default\n");
    await write({ "compose.yaml": "", "prod.env": "X=prod\n" });
    const envFile = path.join(folder, "prod.env");
    assert.equal((await readVariable("X", { ...source, envFile }, surroundings))?.value, "prod");
    await assert.rejects(readVariable("X", { ...source, envFile: `${envFile}x` }, surroundings), Problems);
    assert.equal(await readVariable("X", { composeFiles: [] }, surroundings), undefined);
  });

  it("quotes nothing from an env file that cannot be read", async () => {
    await assert.rejects(readVariable("X", await project("X='hunter2\n"), surroundings), (error) => {
      assert.ok(error instanceof Problems);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  });
});
