import { credentials } from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { engineAddress, unlimited } from "./serve";

let engine: EngineClient | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * Asks the engine to show a line. Lines are shown in the order of the calls.
 *
 * @param urn - the resource that the line belongs to; empty for none.
 * @param options.ephemeral - progress, which the engine shows but does not keep.
 */
export function log(
  urn: string,
  message: string,
  { ephemeral = false, severity = LogSeverity.INFO }: { ephemeral?: boolean; severity?: LogSeverity } = {},
): void {
  engine ??= new EngineClient(engineAddress, credentials.createInsecure(), unlimited);
  const client = engine;
  const request = new LogRequest()
    .setUrn(urn)
    .setMessage(message)
    .setSeverity(severity)
    .setEphemeral(ephemeral);
  last = last.then(() => new Promise<void>((resolve) => client.log(request, () => resolve())));
}

/** Resolves when the engine has taken every line so far. */
export async function logged(): Promise<void> {
  await last;
}
