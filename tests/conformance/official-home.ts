import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parts } from "./parts";

/**
 * A PULUMI_HOME with the official parts: the one that `EVERFRESH_OFFICIAL` names, or the one that Pulumi's installer makes.
 *
 * @throws Error if there is none.
 */
export function officialHome(): string {
  const homes = [
    process.env.EVERFRESH_OFFICIAL,
    process.env.PULUMI_HOME,
    path.join(os.homedir(), ".pulumi"),
    path.join(__dirname, "../../.everfresh/pulumi"),
  ];
  const complete = (home: string) =>
    ["bin/pulumi", ...parts.map(({ official }) => official)].every((file) =>
      existsSync(path.join(home, file)),
    );
  const home = homes.find((home) => home && complete(home));
  if (home) return home;
  throw new Error(
    `conformance: there is no official Pulumi with ${parts.map(({ official }) => path.basename(official)).join(", ")} here; ` +
      "let EVERFRESH_OFFICIAL name a PULUMI_HOME that has them in the versions of package.json",
  );
}
