import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

export const checkout = path.join(__dirname, "..", "..", "..");
export const plugins = ["command", "docker", "random"] as const;

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/** A checkout on a machine that has only the commands named here, some of them replaced by scripts. */
export class Machine {
  readonly root: string;
  readonly home: string;

  private constructor(readonly folder: string) {
    this.root = path.join(folder, "main");
    this.home = path.join(folder, "home");
  }

  /** A machine with everything installed. Docker is a script, so no test reaches the real one. */
  static async create(): Promise<Machine> {
    const machine = new Machine(await mkdtemp(path.join(os.tmpdir(), "everfresh-setup-")));
    await mkdir(path.join(machine.folder, "bin"));
    await mkdir(machine.root);
    await mkdir(path.join(machine.home, ".pulumi", "plugins"), { recursive: true });
    for (const file of ["scripts", "lab", "package.json", "package-lock.json", "node_modules"])
      await symlink(path.join(checkout, file), path.join(machine.root, file));
    for (const tool of [
      ..."awk cat chmod cksum cp curl cut df dirname du flock grep gzip id ln mkdir mv node".split(" "),
      ..."readlink rm sed sh sha256sum sleep tail tar timeout tr uname wc xz".split(" "),
    ])
      await symlink(
        execFileSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).trim(),
        machine.bin(tool),
      );
    await machine.play("docker", 'case "$*" in "compose version --short") echo 2.26.1 ;; esac');
    await machine.play("pulumi", "echo v3.259.0");
    await machine.play("pulumi-language-nodejs", "exit 1");
    for (const plugin of plugins) await mkdir(machine.plugin(plugin));
    return machine;
  }

  bin(tool: string): string {
    return path.join(this.folder, "bin", tool);
  }

  plugin(name: (typeof plugins)[number], home = path.join(this.home, ".pulumi")): string {
    const { dependencies } = require(path.join(checkout, "package.json"));
    return path.join(home, "plugins", `resource-${name}-v${dependencies[`@pulumi/${name}`]}`);
  }

  /** Replaces a command by a script. */
  async play(tool: string, script: string): Promise<void> {
    await this.lack(tool);
    await writeFile(this.bin(tool), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  async lack(tool: string): Promise<void> {
    await rm(this.bin(tool), { force: true });
  }

  run(command: string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    const env = { PATH: path.join(this.folder, "bin"), HOME: this.home, ...environment };
    return new Promise((resolve) => {
      execFile(command[0]!, command.slice(1), { cwd: this.root, env }, (error, stdout, stderr) =>
        resolve({ status: typeof error?.code === "number" ? error.code : error ? -1 : 0, stdout, stderr }),
      );
    });
  }

  /** Starts a command without waiting for it. */
  start(command: string[], environment: NodeJS.ProcessEnv): ChildProcess {
    const env = { PATH: path.join(this.folder, "bin"), HOME: this.home, ...environment };
    return spawn(command[0]!, command.slice(1), { cwd: this.root, env, stdio: "ignore" });
  }

  setUp(environment?: NodeJS.ProcessEnv): Promise<Outcome> {
    return this.run([this.bin("sh"), "scripts/setup"], environment);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
