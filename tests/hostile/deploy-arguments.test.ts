import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { project } from "../../cli/project";
import { withTools } from "../../lab/pulumi/environment";

const run = promisify(execFile);

describe("everfresh deploy", function () {
  this.timeout(120_000);
  let folder: string;
  const environment = (): NodeJS.ProcessEnv => ({
    ...withTools(),
    PULUMI_HOME: path.join(folder, "home"),
    PULUMI_BACKEND_URL: `file://${path.join(folder, "state")}`,
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_STACK: "",
  });
  const configuration = (name: string) => path.join(folder, `Pulumi.${name}.yaml`);

  /** Each stack's configuration has what a row of the table is about. */
  const stacks: Record<string, string> = {
    plain: "",
    pinned: "  everfresh:release: 0a1b2c3d\n",
    promoted: "  everfresh:promoteFrom: staging\n",
  };

  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-deploy-arguments-"));
    for (const name of ["state", "home"]) mkdirSync(path.join(folder, name));
    writeFileSync(path.join(folder, "Pulumi.yaml"), "name: everfresh\nruntime: nodejs\n");
    writeFileSync(path.join(folder, "compose.yaml"), "services: {}\n");
    for (const [name, more] of Object.entries(stacks)) {
      const init = ["stack", "init", name, "--no-select", "--non-interactive"];
      await run("pulumi", init, { cwd: folder, env: environment() });
      const written = readFileSync(configuration(name), "utf8");
      const composeFile = `  everfresh:composeFile: ${path.join(folder, "compose.yaml")}\n`;
      writeFileSync(configuration(name), `${written}config:\n${composeFile}${more}`);
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Everything that a deployment could have changed here. */
  const everything = () =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => /state|yaml$/.test(file) && statSync(path.join(folder, file)).isFile())
      .sort()
      .map((file) => [file, readFileSync(path.join(folder, file), "utf8")]);

  const refused: [args: string[], said: RegExp, stack?: string, env?: Record<string, string>][] = [
    [["--nope", "--yes"], /^deploy: unknown option '--nope'; see `everfresh deploy --help`$/],
    [["-x", "--yes"], /^deploy: unknown option '-x'; see /],
    [["v1/x", "--yes"], /^tag: `v1\/x` is not an image tag \(/],
    [["Shop:v1", "--yes"], /^tag: `Shop:v1` is not an image tag \(/],
    [["v1.2-é", "--yes"], /^tag: `v1\.2-é` is not an image tag \(/],
    [["V".repeat(129), "--yes"], /^tag: `V{79}…` is not an image tag \(up to 128 /],
    [["v1", "v2", "--yes"], /^deploy: only one tag can be given; /],
    [
      ["--dry-run", "--yes"],
      /^--dry-run: changes nothing, but --yes approves a change; leave one of them out$/,
    ],
    [["v1", "--no-cache"], /^--yes: is missing, and nobody can be asked here; add it$/],
    [["v1", "--non-interactive"], /^--yes: is missing, and nobody can be asked here; add it$/],
    [
      ["v1", "--no-cache", "--yes"],
      /^pulumi config: .*no stack named 'none'.*; name one with --stack, /,
      "none",
    ],
    [["v1", "--no-cache", "--yes"], /^pulumi config: no stack selected; .*; name one with --stack, /, ""],
    [
      ["--pull", "--yes"],
      /^USE_CACHE \(environment\): must be true or false, not `maybe`; /,
      "plain",
      { USE_CACHE: "maybe" },
    ],
    [
      ["v1", "--yes"],
      /^everfresh:release: the stack is pinned to release 0a1b2c3d, so deploy would not /,
      "pinned",
    ],
    [
      ["v1", "--dry-run"],
      /^everfresh:release: the stack is pinned to release 0a1b2c3d, so deploy would not /,
      "pinned",
    ],
    [["v1", "--yes"], /^tag: this stack deploys the images that staging proved /, "promoted"],
    [["--pull", "--dry-run"], /^--pull: this stack deploys the images that staging proved /, "promoted"],
  ];

  interface Answer {
    code: number;
    stdout: string;
    stderr: string;
  }
  const answers: Answer[] = [];

  before("everfresh deploy, with each row's arguments", async () => {
    const unchanged = everything();
    // A few at once, because each takes a second to start.
    for (let i = 0; i < refused.length; i += 4)
      answers.push(...(await Promise.all(refused.slice(i, i + 4).map(deploy))));
    assert.deepEqual(everything(), unchanged);
  });

  function deploy([args, , stack = "plain", env = {}]: (typeof refused)[number]): Promise<Answer> {
    const where = stack === "" ? [] : ["--stack", stack, "--config-file", configuration(stack)];
    return run(path.join(project, "cli/everfresh.js"), ["deploy", ...where, ...args], {
      cwd: folder,
      env: { ...environment(), USE_CACHE: "", ...env },
    }).then(
      (printed) => ({ code: 0, ...printed }),
      (error: Answer) => error,
    );
  }

  for (const [i, [args, said, stack = "plain"]] of refused.entries()) {
    const shown = args.map((word) => (word.length > 20 ? `${word.slice(0, 20)}…` : word)).join(" ");
    it(`refuses \`${shown}\` of the stack \`${stack}\` in one line, exits with 2, and changes nothing`, () => {
      const { code, stdout, stderr } = answers[i]!;
      assert.equal(code, 2, stdout + stderr);
      assert.match(stderr, /^[^\n]+; [^\n]+\n$/);
      assert.match(stderr.trimEnd(), said);
      assert.equal(stdout, "");
    });
  }
});
