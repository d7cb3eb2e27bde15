import assert from "node:assert/strict";
import { chmod } from "node:fs/promises";
import path from "node:path";
import { readCompose } from "../../../adapters/compose";
import { Problems } from "../../../core/problems";
import { folder, inProjectFolder, write } from "./compose-project";

describe("a failure of docker compose config", function () {
  this.timeout(60_000);
  inProjectFolder();

  const mistakes: [string, string, RegExp][] = [
    ["a file that is not YAML", "services: [", /yaml: .*line 1/],
    ["an unknown setting", "services: { web: { imag: a } }", /imag/],
    [
      "a dependency on a service that does not exist",
      "services: { web: { image: a, depends_on: [b] } }",
      /depends on undefined service/,
    ],
    [
      "a value that makes some versions of compose crash",
      "services: { web: { image: a, command: [a, 2030-01-02] } }",
      /: panic: |time\.Time/,
    ],
  ];
  for (const [name, text, message] of mistakes) {
    it(`reports ${name} in compose's words`, async () => {
      const file = await write({ "compose.yaml": text });
      await assert.rejects(readCompose({ composeFiles: [file] }), (error) => {
        assert.ok(error instanceof Problems, String(error));
        assert.equal(error.problems.length, 1);
        assert.match(error.message, message);
        assert.ok(error.message.startsWith(`${file}: `), error.message);
        assert.ok(
          error.message.endsWith("; correct the compose file (`docker compose config` shows the same)"),
        );
        assert.doesNotMatch(error.message, /level=|goroutine|\n/);
        return true;
      });
    }).timeout(30_000);
  }

  it("says what to do about a missing env file and a missing required variable", async () => {
    const assertRefused = async (service: string, message: string) => {
      const file = await write({ "compose.yaml": `services: { web: { ${service} } }` });
      await assert.rejects(readCompose({ composeFiles: [file] }), new Problems([`${file}: ${message}`]));
    };
    await assertRefused(
      "image: a, env_file: a.env",
      "its env file a.env does not exist; create it, or set `required: false` for it",
    );
    await assertRefused(
      "image: '${NO:?give one}'",
      "the variable NO is not set: give one; set it where `pulumi up` runs, or in the env file",
    );
  });

  const line = "B{=hunter2\n";
  const refusals: [string, Record<string, string>, RegExp][] = [
    [
      "of an invalid interpolation",
      { "compose.yaml": 'services: { web: { image: a, environment: { A: "hunter2${" } } }' },
      /services\.web\.environment\.A \(a dollar sign is written `\$\$`\)/,
    ],
    [
      "of a line in the env file",
      { "compose.yaml": "services: { web: { image: a } }", ".env.deploy": line },
      /\.env\.deploy: line 1: cannot be read/,
    ],
    [
      "of a line in a service's env file",
      { "compose.yaml": "services: { web: { image: a, env_file: a.env } }", "a.env": line },
      /line 1: cannot be read/,
    ],
    [
      "of an open quotation in the env file",
      { "compose.yaml": "services: { web: { image: a } }", ".env.deploy": "A=1\nB='hunter2\n" },
      /\.env\.deploy: line \d+: cannot be read as variables/,
    ],
    [
      "of an open quotation in a service's env file",
      { "compose.yaml": "services: { web: { image: a, env_file: a.env } }", "a.env": "B='hunter2\n" },
      /line \d+: cannot be read as variables/,
    ],
    [
      "of an open variable in a service's env file",
      { "compose.yaml": "services: { web: { image: a, env_file: a.env } }", "a.env": "B=${hunter2\n" },
      /cannot be read as variables|invalid template/i,
    ],
    [
      "that is not a number",
      { "compose.yaml": "services: { web: { image: a, cpus: $CPUS } }", ".env.deploy": "CPUS=hunter2\n" },
      /services\.web\.cpus: .*a value: invalid syntax/,
    ],
  ];
  for (const [name, files, message] of refusals) {
    it(`does not quote the value ${name}, which may be a secret`, async () => {
      await assert.rejects(readCompose({ composeFiles: [await write(files)] }), (error: Error) => {
        assert.ok(error instanceof Problems, String(error));
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /hunter/);
        return true;
      });
    });
  }

  it("says that docker or its compose plugin is not installed", async () => {
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
