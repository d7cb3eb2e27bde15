import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/language_pb";
import { version } from "@pulumi/pulumi/version";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { engineAddress, pluginInfo, serve, unary } from "../plugin/serve";
import { packagesWithPlugins } from "./packages";
import { Programs } from "./programs";

/** Runs Pulumi programs in Node.js for the engine (proto/pulumi/language.proto of Pulumi). */
let engine = engineAddress;
const programs = new Programs();
// Without the engine they are of no use.
process.on("exit", () => programs.kill());

serve(LanguageRuntimeService, {
  handshake: unary((request: messages.LanguageHandshakeRequest) => {
    engine = request.getEngineAddress();
    return new messages.LanguageHandshakeResponse();
  }),
  getPluginInfo: unary(() => pluginInfo(version)),
  getRequiredPackages: unary((request: messages.GetRequiredPackagesRequest) =>
    new messages.GetRequiredPackagesResponse().setPackagesList(
      packagesWithPlugins(request.getInfo()!.getProgramDirectory()),
    ),
  ),
  run: unary((request: messages.RunRequest) => programs.run(request, engine)),
  cancel: unary(() => {
    programs.interrupt();
    return new Empty();
  }),
});
