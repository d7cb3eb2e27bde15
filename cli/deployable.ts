import { Problems } from "../core/problems";
import { usesStandIns } from "../lab/pulumi/in-use";
import { refusal } from "../lab/pulumi/lab-only";
import { readSettings } from "./configuration";
import { mustBeApproved, type Session } from "./session";

/** @throws Problems where a verb that deploys must not begin. */
export async function mustBeDeployable(session: Session): Promise<void> {
  mustBeApproved(session);
  await mustSuitPulumi(session);
}

/** @throws Problems where Pulumi is only the engine with the lab's stand-ins, and the stack is not the lab's. */
export async function mustSuitPulumi(session: Session): Promise<void> {
  if (!usesStandIns()) return;
  // What is wrong with the settings, the program says better.
  const settings = await readSettings(session).catch((error) => {
    if (error instanceof Problems) return undefined;
    throw error;
  });
  const refused = await refusal(
    (settings?.hosts ?? []).map(({ address, ...host }) => ({ ...host, host: address })),
  );
  if (refused !== undefined) throw new Problems([refused]);
}
