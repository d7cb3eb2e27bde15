import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { log, logged } from "../plugin/engine-log";
import { fromStruct, type Properties, toStruct } from "../plugin/properties";
import { pluginInfo, serve, Unimplemented, unary } from "../plugin/serve";
import { type Change, diff } from "./diff";
import { type Failure, type Resource, type ResourceType, strangers } from "./resource-type";

export interface Provider {
  name: string;
  /** The version of the plugin that it stands in for. */
  version: string;
  /** Whether the engine sends secrets with their marks. Default: it sends plain values and remembers which are secret. */
  acceptsSecrets?: boolean;
  /** Whether the engine sends references to resources with their marks. */
  acceptsResources?: boolean;
  /** Wraps error messages the way the official plugin does. Default: leaves them as they are. */
  worded?(message: string): string;
  /** Takes its configuration, before anything else is asked of it. Default: ignores it. */
  configure?(config: Properties): Promise<void>;
  /** By their tokens, such as `random:index/randomId:RandomId`. */
  types: Record<string, ResourceType>;
}

const { PropertyDiff, DiffResponse } = messages;
const kinds: Record<Change, { change: number; replace: number }> = {
  added: { change: PropertyDiff.Kind.ADD, replace: PropertyDiff.Kind.ADD_REPLACE },
  deleted: { change: PropertyDiff.Kind.DELETE, replace: PropertyDiff.Kind.DELETE_REPLACE },
  updated: { change: PropertyDiff.Kind.UPDATE, replace: PropertyDiff.Kind.UPDATE_REPLACE },
};

/** Serves the protocol of a resource provider (proto/pulumi/provider.proto of Pulumi). */
export function serveProvider({
  name,
  version,
  acceptsSecrets = false,
  acceptsResources = false,
  worded,
  configure,
  types,
}: Provider): void {
  function typeOf(urn: string): ResourceType {
    // urn:pulumi:<stack>::<project>::<parent's type>$<type>::<name>
    const token = urn.split("::")[2]!.split("$").at(-1)!;
    const type = Object.hasOwn(types, token) ? types[token] : undefined;
    if (type) return type;
    throw new Unimplemented(`${token}: the lab's stand-in for the ${name} plugin does not have it`);
  }

  const resource = (urn: string): Resource => ({
    name: urn.split("::").at(-1)!,
    progress: (line) => log(urn, line, { ephemeral: true }),
  });

  /** Waits for the work, then for its log lines: they have to be shown before its outcome. */
  async function done<T>(work: Promise<T>, doing = ""): Promise<T> {
    try {
      return await work;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(worded ? doing + worded(message) : message);
    } finally {
      await logged();
    }
  }

  serve(ResourceProviderService, {
    getPluginInfo: unary(() => pluginInfo(version)),
    checkConfig: unary((request: messages.CheckRequest) =>
      new messages.CheckResponse().setInputs(request.getNews()),
    ),
    diffConfig: unary(() => new DiffResponse()),
    configure: unary(async (request: messages.ConfigureRequest) => {
      await done(configure?.(fromStruct(request.getArgs())) ?? Promise.resolve());
      return new messages.ConfigureResponse()
        .setAcceptsecrets(acceptsSecrets)
        .setSupportspreview(true)
        .setAcceptresources(acceptsResources);
    }),

    check: unary((request: messages.CheckRequest) => {
      const type = typeOf(request.getUrn());
      const given = fromStruct(request.getNews());
      const refused = strangers(given, type.inputs).map((property) => ({
        property,
        reason: `the lab's stand-in for the ${name} plugin does not have this input`,
      }));
      const { inputs, failures = [] } = type.check?.(given) ?? { inputs: given };
      return new messages.CheckResponse()
        .setInputs(toStruct(inputs))
        .setFailuresList([...refused, ...failures].map(checkFailure));
    }),

    diff: unary((request: messages.DiffRequest) => {
      const type = typeOf(request.getUrn());
      const olds = fromStruct(request.getOldInputs());
      const news = fromStruct(request.getNews());
      for (const ignored of request.getIgnorechangesList()) {
        if (Object.hasOwn(olds, ignored)) news[ignored] = olds[ignored]!;
        else delete news[ignored];
      }
      return diffResponse(diff(olds, news, type), type);
    }),

    create: unary(async (request: messages.CreateRequest) => {
      const urn = request.getUrn();
      const type = typeOf(urn);
      const inputs = fromStruct(request.getProperties());
      const { id, properties } = request.getPreview()
        ? { id: "", properties: type.preview(inputs) }
        : await done(type.create(inputs, resource(urn)));
      return new messages.CreateResponse().setId(id).setProperties(toStruct(properties));
    }),

    update: unary(async (request: messages.UpdateRequest) => {
      const urn = request.getUrn();
      const type = typeOf(urn);
      const inputs = fromStruct(request.getNews());
      const old = fromStruct(request.getOlds());
      if (!type.update) throw new Unimplemented(`${urn}: every difference replaces it`);
      const properties = request.getPreview()
        ? type.preview(inputs, old)
        : await done(type.update(inputs, old, resource(urn)));
      if (properties === undefined) throw new Error(goneWhileUpdating(urn));
      return new messages.UpdateResponse().setProperties(toStruct(properties));
    }),

    read: unary(async (request: messages.ReadRequest) => {
      const state = fromStruct(request.getProperties());
      const { read } = typeOf(request.getUrn());
      const now = read ? await done(read(state), `refreshing ${request.getUrn()}: `) : state;
      if (now === undefined) return new messages.ReadResponse();
      return new messages.ReadResponse()
        .setId(request.getId())
        .setProperties(toStruct(now))
        .setInputs(request.getInputs());
    }),

    delete: unary(async (request: messages.DeleteRequest) => {
      const urn = request.getUrn();
      const state = fromStruct(request.getProperties());
      await done(typeOf(urn).delete?.(state, resource(urn)) ?? Promise.resolve());
      return new Empty();
    }),

    // As with the official plugins, running operations are completed.
    cancel: unary(() => new Empty()),
    attach: unary(() => new Empty()),
  });
}

/** The message of the Terraform bridge (pulumi-terraform-bridge, pkg/tfbridge/provider.go). */
const goneWhileUpdating = (urn: string) =>
  `Resource provider reported that the resource did not exist while updating ${urn}.\n\n` +
  "This is usually a result of the resource having been deleted outside of Pulumi, and can often be fixed by running " +
  "`pulumi refresh` before updating.";

function checkFailure({ property, reason }: Failure): messages.CheckFailure {
  return new messages.CheckFailure().setProperty(property).setReason(reason);
}

function diffResponse(
  { changes, inputs, replacing }: ReturnType<typeof diff>,
  { detailedDiff = true, deleteBeforeReplace = false }: ResourceType,
): messages.DiffResponse {
  const { DIFF_SOME, DIFF_NONE } = DiffResponse.DiffChanges;
  const response = new DiffResponse()
    .setChanges(changes.size > 0 ? DIFF_SOME : DIFF_NONE)
    .setDiffsList(inputs)
    .setReplacesList(replacing)
    .setDeletebeforereplace(replacing.length > 0 && deleteBeforeReplace)
    .setHasdetaileddiff(detailedDiff);
  if (!detailedDiff) return response;
  for (const [path, { change, replaces }] of changes) {
    const kind = kinds[change][replaces ? "replace" : "change"];
    response.getDetaileddiffMap().set(path, new PropertyDiff().setKind(kind));
  }
  return response;
}
