import * as pulumi from "@pulumi/pulumi";
import { memoryType } from "../core/release/deployed";
import { type Plan, planMemory } from "../core/release/plan";
import type { Settings } from "../core/settings";
import type { DeployableRelease } from "./release";

export interface MemoryArgs {
  plan: Plan;
  settings: Settings;
  /** Names this stack's state. */
  lineage: pulumi.Output<string>;
  release: DeployableRelease;
  /** Known once every host has proved the release; what was remembered before stays until then. */
  proved: pulumi.Output<unknown>;
}

/**
 * What the program remembers from one `up` to the next. It is kept in the state and not in the stack's outputs, because
 * nobody else needs it. `readStack` reads it.
 */
export class Memory extends pulumi.ComponentResource {
  constructor({ plan, settings, lineage, release, proved }: MemoryArgs) {
    super(memoryType, "memory");
    const madeRelease = plan.release.kind === "pinned" ? plan.deployed.madeRelease : release.id;
    this.registerOutputs(
      pulumi
        .all([lineage, madeRelease, release.provenance, release.layers, proved])
        .apply(([lineage, madeRelease, provenance = plan.deployed.provenance, layers]) => ({
          ...planMemory(plan, settings),
          lineage,
          madeRelease,
          provenance,
          layers,
        })),
    );
  }
}
