import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Problems } from "../../../../core/problems";
import { folder, inProjectFolder, read, write } from "../../adapters/compose-project";

describe("a project with paths of this machine", function () {
  this.timeout(60_000);
  inProjectFolder();

  it("resolves $PWD to the project's folder, wherever it is called from", async () => {
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

  it("distinguishes relative mounts of included and extended files from paths on the host", async () => {
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

  it("rejects the home folder as compose understands it", async () => {
    const file = await write({
      "compose.yaml": 'services: { web: { image: a, volumes: ["~/conf:/conf"] } }',
    });
    await assert.rejects(
      read(file),
      /services\.web\.volumes \(\/conf\): `~\/conf` means this machine's home folder; /,
    );
  });

  const where = "services.web.volumes (/a)";
  const mounted = (source: string) => ({
    "compose.yaml": `services: { web: { image: a, volumes: ["${source}:/a:ro"] } }`,
  });
  const home = (what: string) => [
    `${where}: \`${what}\` means this machine's home folder; use a relative path (shipped) or an absolute one (on the host)`,
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
      "the home folder and the project's folder in a command and an environment",
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
      "the project's folder in a text, even if compose reads a file from there",
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
        "volumes.data.driver_opts.device: `./data` is a folder of this machine; use the absolute path of a folder on the host",
      ],
    ],
  ];
  for (const [name, files, problems] of table) {
    it(`rejects ${name}`, async () => {
      const file = await write(files);
      await assert.rejects(read(file), new Problems(problems));
    });
  }

  it("accepts the home folder where only this machine reads it: in builds, and in files of configs, secrets and environments", async () => {
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
