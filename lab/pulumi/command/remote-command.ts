import { randomBytes } from "node:crypto";
import { mustBeAllowed, refusal } from "../lab-only";
import { type Properties, plain, revealed, unknown, type Value } from "../plugin/properties";
import type { Resource, ResourceType } from "../provider/resource-type";
import { type Connection, checkedConnection, connectionShape, withoutHostKey } from "./connection";
import { dial } from "./dial";
import { execute } from "./execute";

/** A command that is run on a host over SSH. */
export const command: ResourceType = {
  inputs: {
    connection: connectionShape,
    create: true,
    update: true,
    delete: true,
    stdin: true,
    triggers: true,
    logging: true,
    addPreviousOutputInEnv: true,
  },
  // A change inside the triggers (`triggers[0].release`) becomes a replacement through the SDK's replaceOnChanges.
  replaces: (path) => path === "triggers",

  check(inputs) {
    const failures = (inputs.connection === undefined ? [] : withoutHostKey(inputs.connection)).map(
      (property) => ({
        property,
        reason: "is required: the lab's stand-in connects only to hosts whose key it can check",
      }),
    );
    if (inputs.addPreviousOutputInEnv !== false)
      failures.push({
        property: "addPreviousOutputInEnv",
        reason: "must be false: the lab's stand-in cannot set environment variables",
      });
    if (inputs.connection === undefined) return { inputs, failures };
    return { inputs: { ...inputs, connection: checkedConnection(inputs.connection) }, failures };
  },
  // The output of an update is unknown, too.
  preview: (inputs) => ({ ...inputs, stdout: unknown, stderr: unknown }),
  create: async (inputs, resource) => ({
    id: resource.name + randomBytes(4).toString("hex"),
    properties: { ...inputs, ...(await run(inputs.create, inputs, resource)) },
  }),
  update: async (inputs, { stdout, stderr }, resource) => {
    const what = inputs.update ?? inputs.create;
    return {
      ...inputs,
      ...(what === undefined ? { stdout: stdout!, stderr: stderr! } : await run(what, inputs, resource)),
    };
  },
  delete: async (state, resource) => {
    await run(state.delete, state, resource);
  },
};

interface Output {
  [stream: string]: string;
  stdout: string;
  stderr: string;
}

async function run(what: Value | undefined, inputs: Properties, resource: Resource): Promise<Output> {
  if (what === undefined) return { stdout: "", stderr: "" };
  const connection = plain(inputs.connection!) as unknown as Connection;
  const { stdin = "", logging = "stdoutAndStderr" } = plain(inputs) as { stdin?: string; logging?: string };
  await mustBeAllowed(refusal([connection, ...(connection.proxy ? [connection.proxy] : [])]));
  const client = await dial(connection, resource.progress);
  try {
    return await execute(client, revealed(what) as string, stdin, {
      stdout: /^stdout/.test(logging) ? resource.progress : undefined,
      stderr: /stderr$/i.test(logging) ? resource.progress : undefined,
    });
  } finally {
    client.end();
  }
}
