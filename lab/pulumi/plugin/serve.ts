import * as grpc from "@grpc/grpc-js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";

/** Messages have no size limit between the engine and its plugins, as in Pulumi's own (sdk/go/common/util/rpcutil). */
export const unlimited = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

/** `host:port` of the engine that started this plugin: the last argument, after flags such as `--tracing`. */
export const engineAddress = process.argv.at(-1)!;

/**
 * Serves a plugin's protocol on a free port of 127.0.0.1, and tells the engine which: the port alone is the first line
 * of stdout. Methods that are missing are answered with UNIMPLEMENTED.
 *
 * The process ends with the engine, which holds the other end of its stdin for as long as it lives, however it dies.
 */
export function serve<Service extends grpc.UntypedServiceImplementation>(
  service: grpc.ServiceDefinition<Service>,
  methods: Partial<Service>,
): void {
  const server = new grpc.Server(unlimited);
  server.addService(service, methods as grpc.UntypedServiceImplementation);
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    process.stdout.write(`${port}\n`);
  });
  // `exit` listeners end what was started; the default action of a signal would not run them.
  const end = () => process.exit(0);
  process.stdin.on("end", end).on("error", end).resume();
  process.on("SIGINT", end).on("SIGTERM", end);
}

/** A method with one request and one answer. What it throws reaches the engine as its message. */
export function unary<Request, Answer>(
  answer: (request: Request) => Answer | Promise<Answer>,
): grpc.handleUnaryCall<Request, Answer> {
  return async (call, callback) => {
    try {
      callback(null, await answer(call.request));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      callback({
        code: error instanceof Unimplemented ? grpc.status.UNIMPLEMENTED : grpc.status.UNKNOWN,
        message,
      });
    }
  };
}

/** What a stand-in does not have, by name. */
export class Unimplemented extends Error {}

export function pluginInfo(version: string): PluginInfo {
  return new PluginInfo().setVersion(version);
}
