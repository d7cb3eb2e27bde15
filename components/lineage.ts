import type * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";

/** Names this stack's state, so that a host can tell whose release it runs. Declared when it is first asked for. */
export class Lineage {
  #declared: random.RandomId | undefined;

  get id(): pulumi.Output<string> {
    this.#declared ??= new random.RandomId("lineage", { byteLength: 8 });
    return this.#declared.hex;
  }

  /**
   * What the state has, as long as no `up` was green whose outputs would tell: one that was cut off has declared it.
   * Undefined in the preview of a new state.
   */
  async known(): Promise<string | undefined> {
    // The SDK keeps it to itself, but nothing that is applied to an unknown value ever runs.
    const { isKnown } = this.id as unknown as { isKnown: Promise<boolean> };
    return (await isKnown) ? new Promise((resolve) => void this.id.apply(resolve)) : undefined;
  }
}
