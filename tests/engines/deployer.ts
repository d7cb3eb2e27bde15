import { execFileSync } from "node:child_process";
import path from "node:path";
import { docker } from "../../lab/docker";
import { engineText, type LabEngine } from "../../lab/engines";
import { down, up } from "../../lab/lab";
import { lentPulumi } from "../support/lent-pulumi";

const checkout = path.join(__dirname, "..", "..");

/** A deploying machine: a lab host with this checkout, whose own engine, compose and buildx build, push and run labs. */
export class Deployer {
  private constructor(
    readonly lab: string,
    readonly container: string,
  ) {}

  /** Makes the machine and sets it up for the tests. The npm packages, Pulumi and the base image come from this machine. */
  static async create(kind: LabEngine): Promise<Deployer> {
    const name = `deployer-${process.pid}`;
    const { hosts } = await up({ name, ...kind });
    const machine = new Deployer(name, hosts[0]!.container);
    const { container } = machine;
    const within = (command: string) => docker(machine.command(command));
    try {
      const copied = [
        { source: path.join(checkout, "node_modules"), target: "/srv/main/node_modules" },
        ...lentPulumi(),
      ];
      for (const { source, target } of copied) {
        await docker(["exec", container, "mkdir", "-p", path.posix.dirname(target)]);
        await docker(["cp", source, `${container}:${target}`]);
      }
      const files = "git ls-files -z --cached --others --exclude-standard | tar --null -T - -c";
      const onto = `docker exec -i ${container} tar -xC /srv/main`;
      const base = `docker save debian:trixie-slim | docker exec -i ${container} docker load`;
      for (const pipe of [`${files} | ${onto}`, base])
        execFileSync("sh", ["-c", pipe], { cwd: checkout, stdio: "pipe" });
      await within("apt-get -q update && apt-get -q -y install --no-install-recommends nodejs");
      await within("sh scripts/setup --for-tests");
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw new Error(`deployer with ${engineText(kind)}: ${error instanceof Error ? error.message : error}`);
    }
    return machine;
  }

  /** The arguments for `docker` that run a shell command in the machine's checkout. */
  command(command: string): string[] {
    return ["exec", "--workdir=/srv/main", this.container, "sh", "-c", command];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!process.env.EVERFRESH_KEEP_LAB) await down(this.lab);
  }
}
