import { LanguageRuntimeClient } from "@pulumi/pulumi/proto/language_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/language_pb";
import type { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { answerOf, Plugin } from "./plugin";

export interface Program {
  /** The program's folder. */
  folder: string;
  entry?: string;
  options?: Record<string, string | boolean>;
  config?: Record<string, string>;
  secretKeys?: string[];
  args?: string[];
  preview?: boolean;
}

/** A language host, called as the engine calls it. */
export class LanguageHost implements AsyncDisposable {
  private constructor(readonly plugin: Plugin<LanguageRuntimeClient>) {}

  static async start(executable: string, cwd: string): Promise<LanguageHost> {
    return new LanguageHost(await Plugin.start(executable, LanguageRuntimeClient, { cwd }));
  }

  async version(): Promise<string> {
    const answer = await answerOf<PluginInfo>((answer) =>
      this.plugin.client.getPluginInfo(new Empty(), answer),
    );
    return answer.getVersion().replace(/^v/, "");
  }

  /** `name@version`, of each plugin that the program's packages need. */
  async requiredPlugins(folder: string): Promise<string[]> {
    const request = new messages.GetRequiredPackagesRequest().setInfo(infoOf({ folder }));
    const answer = await answerOf<messages.GetRequiredPackagesResponse>((answer) =>
      this.plugin.client.getRequiredPackages(request, answer),
    );
    return answer.getPackagesList().map((it) => `${it.getKind()} ${it.getName()}@${it.getVersion()}`);
  }

  async run(program: Program): Promise<{ error: string; bail: boolean }> {
    const { config = {}, secretKeys = [], args = [], preview = false } = program;
    const request = new messages.RunRequest()
      .setInfo(infoOf(program))
      .setPwd(program.folder)
      .setProject("project")
      .setStack("stack")
      .setOrganization("organization")
      .setParallel(16)
      .setDryrun(preview)
      .setArgsList(args)
      .setConfigsecretkeysList(secretKeys)
      .setMonitorAddress("127.0.0.1:1");
    for (const [key, value] of Object.entries(config)) request.getConfigMap().set(key, value);
    const answer = await answerOf<messages.RunResponse>((answer) => this.plugin.client.run(request, answer));
    return { error: answer.getError(), bail: answer.getBail() };
  }

  async cancel(): Promise<void> {
    await answerOf<Empty>((answer) => this.plugin.client.cancel(new Empty(), answer));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.plugin[Symbol.asyncDispose]();
  }
}

function infoOf({ folder, entry = "index.ts", options = {} }: Program): messages.ProgramInfo {
  return new messages.ProgramInfo()
    .setRootDirectory(folder)
    .setProgramDirectory(folder)
    .setEntryPoint(entry)
    .setOptions(Struct.fromJavaScript(options));
}
