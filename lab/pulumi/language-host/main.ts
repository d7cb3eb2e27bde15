import { spawn } from "node:child_process";
import type * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/language_pb";
import { version } from "@pulumi/pulumi/version";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { engineAddress, pluginInfo, serve, unary } from "../plugin/serve";
import { directDependencies, packagesWithPlugins } from "./packages";
import { Programs } from "./programs";

/** What runs a Pulumi program in Node.js for the engine (proto/pulumi/language.proto of Pulumi). */
let engine = engineAddress;
const programs = new Programs();
process.on("exit", () => programs.interrupt());

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
  about: unary(() =>
    new messages.AboutResponse().setExecutable(process.execPath).setVersion(process.version),
  ),
  getProgramDependencies: unary((request: messages.GetProgramDependenciesRequest) =>
    new messages.GetProgramDependenciesResponse().setDependenciesList(
      directDependencies(request.getInfo()!.getProgramDirectory()),
    ),
  ),
  runtimeOptionsPrompts: unary(() => new messages.RuntimeOptionsResponse()),
  installDependencies,
});

/** `pulumi install` */
function installDependencies(
  call: grpc.ServerWritableStream<messages.InstallDependenciesRequest, messages.InstallDependenciesResponse>,
): void {
  const npm = spawn("npm", ["ci", "--ignore-scripts"], {
    cwd: call.request.getInfo()!.getProgramDirectory(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  npm.stdout.on("data", (text) => call.write(new messages.InstallDependenciesResponse().setStdout(text)));
  npm.stderr.on("data", (text) => call.write(new messages.InstallDependenciesResponse().setStderr(text)));
  npm.once("error", (error) => call.destroy(error));
  npm.once("close", (status) => {
    if (status === 0) call.end();
    else call.destroy(new Error(`npm ci ended with status ${status}`));
  });
}
