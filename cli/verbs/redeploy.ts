import { mustFollowWorkingTree, readPlainSettings } from "../configuration";
import { mustBeDeployable } from "../deployable";
import type { ExitStatus } from "../pulumi/outcome";
import type { Session } from "../session";
import { upWith } from "../up-with";

/** Recreates every container although nothing changed. */
export async function redeploy(session: Session): Promise<ExitStatus> {
  await mustBeDeployable(session);
  mustFollowWorkingTree(await readPlainSettings(session), "redeploy");
  return upWith(session, { forceRecreate: new Date().toISOString() });
}
