import type * as pulumi from "@pulumi/pulumi";

/** A service's image. If this run builds it, its digest is known once it is pushed. */
export interface ServiceImage {
  content: string;
  digest: pulumi.Input<string>;
  ref: pulumi.Input<string>;
}
