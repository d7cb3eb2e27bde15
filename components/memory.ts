import * as pulumi from "@pulumi/pulumi";
import { memoryType, type Memory as Remembered } from "../core/release/deployed";

/**
 * What the program remembers from one `up` to the next and nobody else needs: it is in the state, not in the stack's
 * outputs. `readStack` reads it.
 */
export class Memory extends pulumi.ComponentResource {
  /** @param remembered - known once every host has proved the release; what was remembered before stays until then. */
  constructor(remembered: pulumi.Output<Remembered>) {
    super(memoryType, "memory");
    this.registerOutputs(remembered as pulumi.Output<pulumi.Inputs>);
  }
}
