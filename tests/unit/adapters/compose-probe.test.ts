import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { parse } from "yaml";
import type { ComposeDocument } from "../../../core/compose/document";
import { renderCompose } from "../../../core/compose/render";
import { inProjectFolder, read, write } from "./compose-project";

describe("a probe of docker compose", function () {
  this.timeout(60_000);
  inProjectFolder();

  it("reads a build's secret from the env file unless the environment sets it, as compose does", async () => {
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

  it("reads configs and secrets from the env file unless the environment sets them, as compose does", async () => {
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

  // compose 2 prints only `true`, compose 5 only `false`; neither prints what a mount without the setting gets.
  describe("renders whether docker creates the folder of a bind mount, as this version of compose decides,", () => {
    const bind = (create?: boolean) => ({
      ...{ type: "bind", source: "/srv/data", target: "/d" },
      ...(create !== undefined && { bind: { create_host_path: create } }),
    });
    const { stdout } = spawnSync("docker", ["compose", "version", "--short"], { encoding: "utf8" });
    const silent = Number(stdout.split(".")[0]) >= 5;
    const cases: Record<string, [volume: string | object, made: boolean][]> = {
      "in the short form": [["/srv/data:/d", true]],
      "that asks for it": [[bind(true), true]],
      "that forbids it": [[bind(false), false]],
      "that does not say": [[bind(), silent]],
      "beside another one": [
        [bind(false), false],
        ["/srv/data:/e", true],
      ],
    };
    for (const [name, mounts] of Object.entries(cases))
      it(name, async () => {
        const volumes = mounts.map(([volume]) => volume);
        const project = await read(
          await write({ "compose.yaml": JSON.stringify({ services: { web: { image: "web", volumes } } }) }),
        );
        const rendered = parse(renderCompose(project, { images: {}, files: new Map() })) as ComposeDocument;
        assert.deepEqual(
          rendered.services.web!.volumes!.map(({ bind }) => bind!.create_host_path),
          mounts.map(([, made]) => made),
        );
      });
  });
});
