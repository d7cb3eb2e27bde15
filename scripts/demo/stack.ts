import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { withTools } from "../../lab/pulumi/environment";

/** The demo's Pulumi stack. Its state, configuration and passphrase are in one folder. */
export class DemoStack {
  private constructor(
    private readonly checkout: string,
    private readonly variables: Record<string, string>,
  ) {}

  /** Creates the stack, and a file `env` in the same folder that lets a shell use it. */
  static async create(checkout: string, folder: string): Promise<DemoStack> {
    const variables = {
      PULUMI_BACKEND_URL: `file://${path.join(folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: path.join(folder, "passphrase"),
      PULUMI_STACK: "demo",
      // Passes --config-file to every pulumi command.
      PULUMI_OPTION_CONFIG_FILE: path.join(folder, "Pulumi.demo.yaml"),
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
    await mkdir(path.join(folder, "state"));
    await writeFile(variables.PULUMI_CONFIG_PASSPHRASE_FILE, randomBytes(24).toString("hex"), {
      mode: 0o600,
    });
    const exports = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`);
    await writeFile(
      path.join(folder, "env"),
      ["# Written by the demo. Source it in the checkout's folder.", ". ./scripts/env", ...exports, ""].join(
        "\n",
      ),
    );
    const stack = new DemoStack(checkout, variables);
    await stack.init(folder);
    return stack;
  }

  /**
   * `stack init` has no --config-file: it writes beside Pulumi.yaml, and selects the stack there. In the checkout, that
   * could overwrite the user's own stack of this name.
   */
  private async init(folder: string): Promise<void> {
    const project = path.join(folder, "Pulumi.yaml");
    await copyFile(path.join(this.checkout, "Pulumi.yaml"), project);
    console.log("$ pulumi stack init demo");
    await this.run(["stack", "init", "demo"], { cwd: folder });
    await rm(project);
  }

  /** Runs a pulumi command, and shows it as a user would type it, with its output. */
  async pulumi(...argv: string[]): Promise<void> {
    console.log(`$ pulumi ${argv.join(" ")}`);
    await this.run(argv);
  }

  /** Sets values by their paths below `everfresh:`. */
  async configure(values: Record<string, string>): Promise<void> {
    const pairs = Object.entries(values).map(([key, value]) => `everfresh:${key}=${value}`);
    console.log(
      ["$ pulumi config set-all --path", ...pairs.map((pair) => `    --plaintext '${pair}'`)].join(" \\\n"),
    );
    await this.run(["config", "set-all", "--path", ...pairs.flatMap((pair) => ["--plaintext", pair])]);
  }

  /** Sets a secret. It is passed on stdin, so that it is in no process list. */
  async configureSecret(key: string, value: string): Promise<void> {
    console.log(`$ pulumi config set --path --secret 'everfresh:${key}' <…`);
    await this.run(["config", "set", "--path", "--secret", `everfresh:${key}`], { input: value });
  }

  private run(
    argv: string[],
    { input, cwd = this.checkout }: { input?: string; cwd?: string } = {},
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = spawn("pulumi", argv, {
        cwd,
        env: { ...withTools(), ...this.variables },
        stdio: [input === undefined ? "ignore" : "pipe", "inherit", "inherit"],
      });
      child.stdin?.end(input);
      child.once("error", (error) => reject(new Error(`pulumi: ${error.message}; run \`npm run setup\``)));
      child.once("close", (status) => {
        if (status === 0) resolve();
        else reject(new Error(`demo: pulumi ${argv[0]} ended with status ${status}; see above`));
      });
    });
  }
}
