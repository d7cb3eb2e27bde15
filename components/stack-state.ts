import * as pulumi from "@pulumi/pulumi";
import {
  type Deployed,
  type EarlierOutputs,
  type ResourceState,
  readDeployed,
} from "../core/release/deployed";

/** This stack's full name. */
export const stackName = (): string =>
  `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;

/** Reads what a stack deployed last. Its name is `staging`, `project/staging` or `organization/project/staging`. */
export async function readStack(stack: string): Promise<Deployed> {
  const parts = stack.split("/");
  const name = [pulumi.getOrganization(), pulumi.getProject()]
    .slice(0, 3 - parts.length)
    .concat(parts)
    .join("/");
  const outputs = await readOutputs(name);
  // A stack without outputs may have no state, and then Pulumi cannot list its resources.
  const resources = Object.keys(outputs).length > 0 ? await readResources(name) : [];
  return readDeployed(outputs, resources);
}

const outputKeys = ["release", "tag", "images", "hosts", "urls"] as const;
/** Further outputs of earlier versions. */
const earlierKeys = ["project", "lineage", "source", "followed", "layers"] as const;

async function readOutputs(stack: string): Promise<EarlierOutputs> {
  const reference = new pulumi.StackReference(stack);
  const values = await Promise.all(
    [...outputKeys, ...earlierKeys].map(async (key) => [key, (await reference.getOutputDetails(key)).value]),
  );
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

/**
 * Reads the resources of a stack's state with their outputs. This function of Pulumi's engine (builtins.go in
 * pkg/resource/deploy) is not in the SDK. It reads no more than `StackReference` does.
 */
async function readResources(stackName: string): Promise<ResourceState[]> {
  const answer = await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", { stackName });
  const resources = answer.outputs as Record<string, { outputs?: Record<string, unknown> }>;
  return Object.entries(resources).map(([urn, { outputs = {} }]) => ({ urn, outputs }));
}
