import * as pulumi from "@pulumi/pulumi";
import type { DeployResult, Layers } from "../core/host/types";
import type { PushedImage } from "../core/images";
import type { Provenance } from "./release";

/** What a stack says of itself. */
export interface StackOutputs {
  /** The compose project's name. */
  project?: string;
  /** Id of the release. */
  release?: string;
  /** Of the release, as `source`; a pinned one has neither. */
  tag?: string;
  /** What the stack built or promoted last, also while an earlier release is pinned. */
  images?: Record<string, PushedImage>;
  /** The images of services that follow a tag, by the digests that the tags had: `redis:7@sha256:…`. */
  followed?: Record<string, string>;
  hosts?: Record<string, Pick<DeployResult, "release" | "services" | "verifiedAt">>;
  urls?: string[];
  source?: Provenance;
  /** The layers of each image, by its name on the hosts. */
  layers?: Record<string, Layers>;
  /** Names this stack's state. */
  lineage?: string;
}

/** This stack's full name. */
export const stackName = (): string =>
  `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;

/** What this very stack said when it was deployed last; empty for a new one. */
export const previousOutputs = (): Promise<StackOutputs> => outputsOf(stackName());

/** What another stack says of itself; `staging`, `project/staging` or `organization/project/staging`. */
export async function outputsOf(stack: string): Promise<StackOutputs> {
  const parts = stack.split("/");
  const name = [pulumi.getOrganization(), pulumi.getProject()]
    .slice(0, 3 - parts.length)
    .concat(parts)
    .join("/");
  const reference = new pulumi.StackReference(name);
  const keys = [
    "project",
    "release",
    "tag",
    "images",
    "followed",
    "hosts",
    "urls",
    "source",
    "layers",
    "lineage",
  ] as const;
  const values = await Promise.all(
    keys.map(async (key) => [key, (await reference.getOutputDetails(key)).value]),
  );
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}
