import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { CommanderError } from "commander";
import { commandLine } from "../../../cli/command-line";
import type { DeployOptions } from "../../../cli/deploy-options";
import { project } from "../../../cli/project";
import { openSession, type SharedOptions } from "../../../cli/session";

/** Parses a command line into the options of its verb, or the message with which it is refused. */
async function parse(line: string): Promise<{ options?: SharedOptions; said: string; status: number }> {
  let options: SharedOptions | undefined;
  let said = "";
  const program = commandLine(async (given) => {
    options = given;
  });
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      ...command.configureOutput(),
      writeErr: (text) => {
        said += text;
      },
    });
  }
  try {
    await program.parseAsync(line.split(" ").filter(Boolean), { from: "user" });
    return { options, said, status: 0 };
  } catch (error) {
    if (error instanceof CommanderError) return { options, said, status: error.exitCode };
    throw error;
  }
}

describe("the command line", () => {
  it("has every verb", () => {
    const verbs = commandLine(async () => {}).commands.map((command) => command.name());
    assert.deepEqual(verbs, [
      "deploy",
      "preview",
      "status",
      "verify",
      "history",
      "logs",
      "explain",
      "rollback",
      "redeploy",
      "build-only",
      "clear-cache",
      "unlock",
      "doctor",
      "init",
      "completion",
    ]);
  });

  it("accepts --stack with every verb", async () => {
    for (const { name, registeredArguments } of commandLine(async () => {}).commands.map((command) => ({
      name: command.name(),
      registeredArguments: command.registeredArguments,
    }))) {
      const needed = registeredArguments
        .filter(({ required }) => required)
        .map(({ argChoices }) => ` ${argChoices?.[0] ?? "web"}`)
        .join("");
      const { options } = await parse(`${name}${needed} --stack prod --non-interactive`);
      assert.equal(options?.stack, "prod", name);
      assert.equal(options?.nonInteractive, true, name);
    }
  });

  it("has --json and --yes for the verbs that docs/cli.md lists", () => {
    const page = readFileSync(path.join(project, "docs/cli.md"), "utf8").replaceAll("\n", " ");
    const verbs = (option: string, wanted: boolean) =>
      commandLine(async () => {})
        .commands.filter(({ options }) => options.some(({ long }) => long === option) === wanted)
        .map((command) => `\`${command.name()}\``)
        .join(", ");
    assert.ok(page.includes(`\`--json\` (all but ${verbs("--json", false)})`));
    assert.ok(page.includes(`\`--yes\` (${verbs("--yes", true)})`));
  });

  const deployments: [string, string | undefined, string[]][] = [
    ["deploy", undefined, []],
    ["deploy v1 --yes", "v1", []],
    ["deploy v1 -- --diff", "v1", ["--diff"]],
    ["deploy -- -x", undefined, ["-x"]],
    ["deploy --stack prod -- v1 -- x", undefined, ["v1", "--", "x"]],
  ];
  for (const [line, tag, more] of deployments) {
    it(`reads ${tag === undefined ? "no tag" : "a tag"} before \`--\`, and options for pulumi after it: \`${line}\``, async () => {
      const given = (await parse(line)).options as DeployOptions | undefined;
      assert.deepEqual([given?.tag, given?.more], [tag, more]);
    });
  }

  const refusals: [string, string][] = [
    [
      "logs --tail x",
      "logs: option '-n, --tail <lines>' argument 'x' is invalid. It must be a whole number; see `everfresh logs --help`\n",
    ],
    ["status --nope", "status: unknown option '--nope'; see `everfresh status --help`\n"],
    ["explain", "explain: missing required argument 'service'; see `everfresh explain --help`\n"],
    ["deploy -x", "deploy: unknown option '-x'; see `everfresh deploy --help`\n"],
    ["deploy --latest", "deploy: unknown option '--latest'; see `everfresh deploy --help`\n"],
    ["deploy v1 v2", "deploy: only one tag can be given; see `everfresh deploy --help`\n"],
    [
      "deploy --stack -- v1 --json",
      "deploy: `--` cannot be the value of an option; see `everfresh deploy --help`\n",
    ],
    [
      "rollback --clear r1",
      "rollback: --clear goes back to the working tree, not to a release; see `everfresh rollback --help`\n",
    ],
  ];
  for (const [line, message] of refusals) {
    it(`says what is wrong with \`${line}\``, async () => {
      const { said, status } = await parse(line);
      assert.equal(said, message);
      assert.notEqual(status, 0);
    });
  }
});

describe("a session", () => {
  it("may ask questions only when somebody can answer them", () => {
    assert.equal(openSession({}, "/", true).interactive, true);
    assert.equal(openSession({}, "/", false).interactive, false);
    assert.equal(openSession({ nonInteractive: true }, "/", true).interactive, false);
    assert.equal(openSession({ json: true }, "/", true).interactive, false);
  });

  it("resolves paths in the folder that the command was called in", () => {
    assert.equal(
      openSession({ configFile: "prod.yaml" }, "/home/ann", true).configFile,
      "/home/ann/prod.yaml",
    );
  });
});
