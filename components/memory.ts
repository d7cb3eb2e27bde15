import * as pulumi from "@pulumi/pulumi";
import { memoryType, type Memory as Remembered } from "../core/release/deployed";

/**
 * What the program remembers from one `up` to the next. It is kept in the state and not in the stack's outputs, because
 * nobody else needs it. `readStack` reads it.
 */
export class Memory extends pulumi.ComponentResource {
  /** @param remembered - known once every host has proved the release. Until then the state keeps the old values. */
  constructor(remembered: pulumi.Output<Remembered>) {
    super(memoryType, "memory");
    this.registerOutputs(remembered as pulumi.Output<pulumi.Inputs>);
  }
}
