import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { withTools } from "../../lab/pulumi/environment";

/** The demo's Pulumi stack. All of it lies in one folder: state, configuration, passphrase. */
export class DemoStack {
  private constructor(
    private readonly checkout: string,
    private readonly variables: Record<string, string>,
  ) {}

  /** Makes the stack, and `env` in the same folder, which lets a shell work with it. */
  static async create(checkout: string, folder: string): Promise<DemoStack> {
    const variables = {
      PULUMI_BACKEND_URL: `file://${path.join(folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: path.join(folder, "passphrase"),
      PULUMI_STACK: "demo",
      // Pulumi's way to give a flag to every command: --config-file.
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
      [
        "# Written by the demo, to be sourced in the checkout's folder.",
        ". ./scripts/env",
        ...exports,
        "",
      ].join("\n"),
    );
    const stack = new DemoStack(checkout, variables);
    await stack.init(folder);
    return stack;
  }

  /**
   * `stack init` knows no --config-file: it writes beside Pulumi.yaml, and remembers the stack as the one selected there.
   * In the checkout that could be the file of somebody's own stack of this name.
   */
  private async init(folder: string): Promise<void> {
    const project = path.join(folder, "Pulumi.yaml");
    await copyFile(path.join(this.checkout, "Pulumi.yaml"), project);
    console.log("$ pulumi stack init demo");
    await this.run(["stack", "init", "demo"], { cwd: folder });
    await rm(project);
  }

  /** Runs a pulumi command as one would type it, and shows it with all that it prints. */
  async pulumi(...argv: string[]): Promise<void> {
    console.log(`$ pulumi ${argv.join(" ")}`);
    await this.run(argv);
  }

  /** Sets values, given by their path below `everfresh:`. */
  async configure(values: Record<string, string>): Promise<void> {
    const pairs = Object.entries(values).map(([key, value]) => `everfresh:${key}=${value}`);
    console.log(
      ["$ pulumi config set-all --path", ...pairs.map((pair) => `    --plaintext '${pair}'`)].join(" \\\n"),
    );
    await this.run(["config", "set-all", "--path", ...pairs.flatMap((pair) => ["--plaintext", pair])]);
  }

  /** Sets a secret: on standard input, so that it stands in no list of processes. */
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
