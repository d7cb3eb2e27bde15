import * as grpc from "@grpc/grpc-js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";

/** gRPC options: Pulumi sets no limit to the size of messages either (sdk/go/common/util/rpcutil). */
export const unlimited = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

/** `host:port` of the engine that started this plugin. It is the last argument, after flags such as `--tracing`. */
export const engineAddress = process.argv.at(-1)!;

/**
 * Serves a plugin's protocol on a free port of 127.0.0.1. The port is printed as the first line of stdout, where the
 * engine reads it. Missing methods are answered with UNIMPLEMENTED.
 *
 * The process ends when its stdin ends: the engine holds the other end, so this works even if the engine is killed.
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
  // process.exit runs the `exit` listeners, which end child processes. The default action of a signal does not.
  const end = () => process.exit(0);
  process.stdin.on("end", end).on("error", end).resume();
  process.on("SIGINT", end).on("SIGTERM", end);
}

/** A method with one request and one answer. If it throws, the engine gets the error's message. */
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

/** A request for something that a stand-in does not have. */
export class Unimplemented extends Error {}

export function pluginInfo(version: string): PluginInfo {
  return new PluginInfo().setVersion(version);
}
