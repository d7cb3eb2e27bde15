import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { usesStandIns } from "../../lab/pulumi/in-use";

const checkout = path.join(__dirname, "..", "..");

/**
 * This machine's Pulumi as folders to be mounted at `target` on another machine, whose home is /root, so that set-up finds it
 * there. Empty if it cannot be lent; set-up then downloads Pulumi.
 */
export function lentPulumi(): { source: string; target: string }[] {
  const user = os.homedir();
  if (usesStandIns()) {
    const cache = process.env.XDG_CACHE_HOME ?? path.join(user, ".cache");
    const store = [path.join(cache, "everfresh"), path.join(checkout, ".everfresh/engine")].find(existsSync);
    return store ? [{ source: store, target: "/root/.cache/everfresh" }] : [];
  }
  const homes = [
    process.env.PULUMI_HOME,
    path.join(user, ".pulumi"),
    path.join(checkout, ".everfresh/pulumi"),
  ];
  const home = homes.find((home) => home && existsSync(path.join(home, "bin/pulumi")));
  return home
    ? ["bin", "plugins"].map((part) => ({ source: path.join(home, part), target: `/root/.pulumi/${part}` }))
    : [];
}
