import { Problems } from "../core/problems";
import { usesStandIns } from "../lab/pulumi/in-use";
import { refusal } from "../lab/pulumi/lab-only";
import { readSettings } from "./configuration";
import { mustBeApproved, type Session } from "./session";

/** @throws Problems if a verb that deploys must not start. */
export async function mustBeDeployable(session: Session): Promise<void> {
  mustBeApproved(session);
  await mustSuitPulumi(session);
}

/** @throws Problems if Pulumi is the engine with the lab's stand-ins and the stack deploys outside the lab. */
export async function mustSuitPulumi(session: Session): Promise<void> {
  if (!usesStandIns()) return;
  // The program reports invalid settings.
  const settings = await readSettings(session).catch((error) => {
    if (error instanceof Problems) return undefined;
    throw error;
  });
  const refused = await refusal(
    (settings?.hosts ?? []).map(({ address, ...host }) => ({ ...host, host: address })),
  );
  if (refused !== undefined) throw new Problems([refused]);
}
