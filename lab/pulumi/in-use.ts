import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { withTools } from "./environment";

const launcher = path.join(__dirname, "..", "..", ".everfresh", "bin", "pulumi");

/** Whether this checkout runs the engine with the lab's stand-ins, which shows in the launcher that `scripts/setup` wrote. */
export function usesStandIns(): boolean {
  try {
    return readFileSync(launcher, "utf8").includes("stand-ins");
  } catch {
    return false;
  }
}

/** Which Pulumi runs here: `official 3.259.0`, `engine 3.274.1 with the lab's stand-ins`, or `none`. */
export function pulumiInUse(): string {
  try {
    const version = execFileSync("pulumi", ["version"], {
      encoding: "utf8",
      env: { ...withTools(), PULUMI_SKIP_UPDATE_CHECK: "true" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const number = version.trim().replace(/^v/, "");
    return usesStandIns() ? `engine ${number} with the lab's stand-ins` : `official ${number}`;
  } catch {
    return "none";
  }
}
