import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { type LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";

/** What a plugin told the engine to show: `info`, `warning`, …, or `ephemeral` for progress that is not kept. */
export interface LogLine {
  severity: string;
  ephemeral: boolean;
  message: string;
}

type Answer<T> = (error: grpc.ServiceError | null, response: T) => void;

/** A plugin's process, with an engine that only records what it is told to show. */
export class Plugin<Client extends grpc.Client> implements AsyncDisposable {
  #logs: LogLine[] = [];

  private constructor(
    readonly client: Client,
    readonly process: ChildProcess,
    private readonly engine: grpc.Server,
  ) {}

  static async start<Client extends grpc.Client>(
    executable: string,
    Client: new (address: string, credentials: grpc.ChannelCredentials, options: object) => Client,
    { cwd, env }: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
  ): Promise<Plugin<Client>> {
    const engine = new grpc.Server();
    const logs: LogLine[] = [];
    engine.addService(EngineService, {
      log: (call: grpc.ServerUnaryCall<LogRequest, Empty>, answer: Answer<Empty>) => {
        const severity = Object.entries(LogSeverity).find(
          ([, value]) => value === call.request.getSeverity(),
        );
        logs.push({
          severity: severity![0].toLowerCase(),
          ephemeral: call.request.getEphemeral(),
          message: call.request.getMessage(),
        });
        answer(null, new Empty());
      },
    });
    const port = await new Promise<number>((resolve, reject) =>
      engine.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      ),
    );
    const child = spawn(executable, [`127.0.0.1:${port}`], {
      stdio: ["pipe", "pipe", "inherit"],
      cwd,
      env: { ...process.env, ...env },
    });
    const [address] = (await Promise.race([
      once(createInterface({ input: child.stdout! }), "line"),
      once(child, "close").then(() => {
        throw new Error(`${executable}: ended before it told its port`);
      }),
    ])) as [string];
    const limits = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };
    const client = new Client(`127.0.0.1:${address}`, grpc.credentials.createInsecure(), limits);
    const plugin = new Plugin(client, child, engine);
    plugin.#logs = logs;
    return plugin;
  }

  /** What it told the engine to show since the last call, without debug messages. */
  takeLogs(): LogLine[] {
    return this.#logs.splice(0).filter(({ severity }) => severity !== "debug");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.process.kill("SIGKILL");
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, "close");
    this.engine.forceShutdown();
  }
}

/** The answer to a call. Rejects with the plugin's error. */
export function answerOf<Response>(call: (answer: Answer<Response>) => unknown): Promise<Response> {
  return new Promise((resolve, reject) =>
    call((error, response) => (error ? reject(error) : resolve(response))),
  );
}
