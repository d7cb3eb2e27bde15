import { credentials } from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { engineAddress, unlimited } from "./serve";

let engine: EngineClient | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * Shows a line on the terminal, after those before it.
 *
 * @param urn - the resource it belongs to; empty for none.
 * @param options.ephemeral - a progress display, of which nothing stays.
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

/** Returns when every line so far is shown. */
export async function logged(): Promise<void> {
  await last;
}
