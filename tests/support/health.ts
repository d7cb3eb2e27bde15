import { defaultEngine } from "../../lab/engines";
import { engineFor } from "./lab";

/**
 * Asked often until it is healthy, and rarely from then on: each check costs a twentieth of a second of a processor. The oldest
 * engine cannot tell the two apart.
 */
export const soonHealthy =
  engineFor(defaultEngine).engine === "oldest"
    ? { interval: "200ms", retries: 20 }
    : { start_interval: "200ms", start_period: "10s", interval: "3s", retries: 3 };
