import type * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";

/** Identifies this stack's state, so that a host knows whose release it runs. Declared on first use. */
export class Lineage {
  #declared: random.RandomId | undefined;

  get id(): pulumi.Output<string> {
    this.#declared ??= new random.RandomId("lineage", { byteLength: 8 });
    return this.#declared.hex;
  }

  /**
   * The value in the state, for a stack without outputs: an interrupted first `up` may have declared it already. Undefined in
   * the preview of a new state.
   */
  async known(): Promise<string | undefined> {
    // `isKnown` is not public, but `apply` never runs for an unknown value.
    const { isKnown } = this.id as unknown as { isKnown: Promise<boolean> };
    return (await isKnown) ? new Promise((resolve) => void this.id.apply(resolve)) : undefined;
  }
}
