import path from "node:path";
import type * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import type { Properties } from "../../lab/pulumi/plugin/properties";
import { fromStruct, toStruct } from "../../lab/pulumi/plugin/properties";
import { answerOf, Plugin } from "./plugin";

export interface Failed {
  error: string;
}

/** The answer to a request for a new state. Undefined stands for a property that the answer does not have. */
export type Outcome = { id: string; properties: Properties } | Failed;

/** A provider plugin, called as the engine calls it. Answers are plain data, and errors have the plugin's message. */
export class ProviderPlugin implements AsyncDisposable {
  private constructor(
    readonly plugin: Plugin<ResourceProviderClient>,
    /** What it supports, as it declares itself. */
    readonly capabilities: object,
  ) {}

  /**
   * Starts and configures it, as the engine does first. `SECRET_OF_BUILD` is in its environment, and the folder's `bin` is
   * on its PATH.
   */
  static async start(executable: string, cwd: string): Promise<ProviderPlugin> {
    const plugin = await Plugin.start(executable, ResourceProviderClient, {
      cwd,
      env: {
        SECRET_OF_BUILD: "of the environment",
        PATH: `${path.join(cwd, "bin")}${path.delimiter}${process.env.PATH}`,
      },
    });
    const request = new messages.ConfigureRequest()
      .setArgs(toStruct({}))
      .setAcceptsecrets(true)
      .setAcceptresources(true);
    const answer = await answerOf<messages.ConfigureResponse>((answer) =>
      plugin.client.configure(request, answer),
    );
    return new ProviderPlugin(plugin, {
      acceptsSecrets: answer.getAcceptsecrets(),
      supportsPreview: answer.getSupportspreview(),
      acceptsResources: answer.getAcceptresources(),
    });
  }

  /** Configures it again, as another provider resource. */
  async configure(config: Properties): Promise<Failed | string> {
    const request = new messages.ConfigureRequest().setArgs(toStruct(config)).setAcceptsecrets(true);
    return attempt(async () => {
      await answerOf<messages.ConfigureResponse>((answer) => this.plugin.client.configure(request, answer));
      return "configured";
    });
  }

  async checkConfig(news: Properties) {
    const request = new messages.CheckRequest().setUrn(urnOfProvider).setNews(toStruct(news));
    return attempt(async () => {
      const answer = await answerOf<messages.CheckResponse>((answer) =>
        this.plugin.client.checkConfig(request, answer),
      );
      const failures = answer.getFailuresList().map((it) => `${it.getProperty()}: ${it.getReason()}`);
      return failures.length > 0 ? { failures } : { inputs: fromStruct(answer.getInputs()) };
    });
  }

  /** Whether another configuration replaces the resources of a provider. */
  async diffConfig(olds: Properties, news: Properties) {
    const request = new messages.DiffRequest()
      .setUrn(urnOfProvider)
      .setOldInputs(toStruct(olds))
      .setOlds(toStruct(olds))
      .setNews(toStruct(news));
    return attempt(async () => {
      const answer = await answerOf<messages.DiffResponse>((answer) =>
        this.plugin.client.diffConfig(request, answer),
      );
      return { replaces: answer.getReplacesList(), deleteBeforeReplace: answer.getDeletebeforereplace() };
    });
  }

  /** @param olds - inputs that an earlier check returned. */
  async check(type: string, news: Properties, olds?: Properties) {
    const request = new messages.CheckRequest()
      .setUrn(urnOf(type))
      .setType(type)
      .setName("it")
      .setNews(toStruct(news));
    if (olds) request.setOlds(toStruct(olds));
    return attempt(async () => {
      const answer = await answerOf<messages.CheckResponse>((answer) =>
        this.plugin.client.check(request, answer),
      );
      const failures = answer.getFailuresList().map((it) => `${it.getProperty()}: ${it.getReason()}`);
      return failures.length > 0 ? { failures } : { inputs: fromStruct(answer.getInputs()) };
    });
  }

  /**
   * @param olds - inputs that an earlier check returned.
   * @param state - the resource's state; default: its inputs.
   */
  async diff(type: string, olds: Properties, news: Properties, state = olds) {
    const request = new messages.DiffRequest()
      .setId("id")
      .setUrn(urnOf(type))
      .setType(type)
      .setName("it")
      .setOlds(toStruct(state))
      .setOldInputs(toStruct(olds))
      .setNews(toStruct(news));
    return attempt(async () => {
      const answer = await answerOf<messages.DiffResponse>((answer) =>
        this.plugin.client.diff(request, answer),
      );
      const { DIFF_SOME } = messages.DiffResponse.DiffChanges;
      if (answer.getChanges() !== DIFF_SOME) return "none";
      if (!answer.getHasdetaileddiff())
        return { inputs: answer.getDiffsList().sort(), replaces: answer.getReplacesList().sort() };
      return {
        deleteBeforeReplace: answer.getDeletebeforereplace(),
        detailed: detailedDiff(answer, [olds, news]),
      };
    });
  }

  async create(type: string, inputs: Properties, { preview = false } = {}): Promise<Outcome> {
    const request = new messages.CreateRequest()
      .setUrn(urnOf(type))
      .setType(type)
      .setName("it")
      .setProperties(toStruct(inputs))
      .setPreview(preview);
    return attempt(async () => {
      const answer = await answerOf<messages.CreateResponse>((answer) =>
        this.plugin.client.create(request, answer),
      );
      return { id: preview ? "" : answer.getId(), properties: fromStruct(answer.getProperties()) };
    });
  }

  async update(
    type: string,
    id: string,
    olds: Properties,
    oldInputs: Properties,
    news: Properties,
    { preview = false } = {},
  ): Promise<{ properties: Properties } | Failed> {
    const request = new messages.UpdateRequest()
      .setId(id)
      .setUrn(urnOf(type))
      .setType(type)
      .setName("it")
      .setOlds(toStruct(olds))
      .setOldInputs(toStruct(oldInputs))
      .setNews(toStruct(news))
      .setPreview(preview);
    return attempt(async () => ({
      properties: fromStruct(
        (
          await answerOf<messages.UpdateResponse>((answer) => this.plugin.client.update(request, answer))
        ).getProperties(),
      ),
    }));
  }

  async read(type: string, id: string, state: Properties, inputs: Properties) {
    const request = new messages.ReadRequest()
      .setId(id)
      .setUrn(urnOf(type))
      .setType(type)
      .setName("it")
      .setProperties(toStruct(state))
      .setInputs(toStruct(inputs));
    return attempt(async () => {
      const answer = await answerOf<messages.ReadResponse>((answer) =>
        this.plugin.client.read(request, answer),
      );
      if (answer.getId() === "") return "gone";
      return {
        id: answer.getId(),
        properties: fromStruct(answer.getProperties()),
        inputs: fromStruct(answer.getInputs()),
      };
    });
  }

  async delete(type: string, id: string, state: Properties) {
    const request = new messages.DeleteRequest()
      .setId(id)
      .setUrn(urnOf(type))
      .setType(type)
      .setName("it")
      .setProperties(toStruct(state));
    return attempt(async () => {
      await answerOf<Empty>((answer) => this.plugin.client.delete(request, answer));
      return "deleted";
    });
  }

  async cancel(): Promise<void> {
    await answerOf<Empty>((answer) => this.plugin.client.cancel(new Empty(), answer));
  }

  logs() {
    return this.plugin.takeLogs();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.plugin[Symbol.asyncDispose]();
  }
}

const urnOfProvider = "urn:pulumi:stack::project::pulumi:providers:it::it";
const urnOf = (type: string) => `urn:pulumi:stack::project::${type}::it`;

async function attempt<T>(request: () => Promise<T>): Promise<T | Failed> {
  try {
    return await request();
  } catch (error) {
    return { error: (error as grpc.ServiceError).details ?? String(error) };
  }
}

/**
 * The differences by path. In a replacement, bridges to Terraform also list properties that neither side has, which are left out.
 */
function detailedDiff(answer: messages.DiffResponse, sides: Properties[]): Record<string, string> {
  const kinds = Object.entries(messages.PropertyDiff.Kind);
  return Object.fromEntries(
    [...answer.getDetaileddiffMap().entries()]
      .filter(([path]) => sides.some((side) => has(side, path)))
      .map(([path, diff]) => [path, kinds.find(([, kind]) => kind === diff.getKind())![0].toLowerCase()])
      .sort(),
  );
}

function has(properties: Properties, path: string): boolean {
  let value: unknown = properties;
  for (const [, name, index] of path.matchAll(/([A-Za-z_]\w*)|\[(\d+)\]/g)) {
    if (typeof value !== "object" || value === null) return true; // its content is not known yet
    value = (value as Record<string, unknown>)[name ?? index!];
    if (value === undefined) return false;
  }
  return true;
}
