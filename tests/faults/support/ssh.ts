import { Client, type ClientChannel } from "ssh2";
import type { HostProgram } from "../../../core/host/program-text";
import type { LabHost } from "../../../lab/lab";

/** What a program on the host said. `status` is undefined when it was killed or the connection was cut. */
export interface Run {
  status: number | undefined;
  stdout: string;
  stderr: string;
}

/** One SSH connection to a lab host, as Pulumi's command provider and the command line use it. */
export class Connection {
  private constructor(private readonly client: Client) {}

  static open(host: LabHost): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const client = new Client();
      client.once("connect", () => client.setNoDelay(true));
      client.once("ready", () => resolve(new Connection(client)));
      client.on("error", reject);
      client.once("close", () => reject(new Error(`${host.name}: the SSH connection was closed`)));
      client.connect({
        host: host.address,
        port: host.port,
        username: host.user,
        privateKey: host.privateKey,
        hostVerifier: (key: Buffer) => key.toString("base64") === host.hostKey.split(" ")[1],
      });
    });
  }

  run({ command, stdin }: HostProgram): Promise<Run> {
    return new Promise((resolve, reject) => {
      this.client.exec(command, (error, channel: ClientChannel) => {
        if (error) return reject(error);
        const run: Run = { status: undefined, stdout: "", stderr: "" };
        channel.on("data", (data: Buffer) => {
          run.stdout += data;
        });
        channel.stderr.on("data", (data: Buffer) => {
          run.stderr += data;
        });
        channel.on("exit", (status: number | null) => {
          run.status = status ?? undefined;
        });
        channel.on("close", () => resolve(run));
        this.client.once("close", () => resolve(run));
        channel.on("error", () => {}); // the program may be gone before it has read all
        channel.end(stdin);
      });
    });
  }

  /** As when the network dies: nothing is said to the other side any more. */
  cut(): void {
    this.client.destroy();
  }

  [Symbol.dispose](): void {
    this.client.end();
  }
}

/** Runs one program over a connection of its own. */
export async function runOn(host: LabHost, program: HostProgram): Promise<Run> {
  using connection = await Connection.open(host);
  return await connection.run(program);
}
