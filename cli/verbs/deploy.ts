import { readVariable } from "../../adapters/compose";
import { inOneLine } from "../../core/printable";
import { composeFilesIn } from "../../core/settings";
import { mustFollowWorkingTree, mustHaveReadableFile, readPlainSettings } from "../configuration";
import { checkDeployOptions, type DeployOptions, decideSettings, type UseCache } from "../deploy-options";
import { mustBeDeployable, mustSuitPulumi } from "../deployable";
import { forThisRun } from "../for-this-run";
import type { ExitStatus } from "../pulumi/outcome";
import type { Session } from "../session";
import { runPreview, runUp } from "../up";
import { upWith } from "../up-with";

/** `pulumi up`, or with `dryRun` `pulumi preview`, with what the options change in the configuration. */
export async function deploy(session: Session, options: DeployOptions): Promise<ExitStatus> {
  checkDeployOptions(options);
  await (options.dryRun ? mustSuitPulumi : mustBeDeployable)(session);
  const configured = await readPlainSettings(session);
  mustFollowWorkingTree(configured, "deploy");
  const useCache = options.cache === false ? undefined : await readUseCache(configured);
  const { lasting, once, notes } = decideSettings(options, useCache, configured, new Date());
  for (const note of notes) process.stderr.write(`${inOneLine(note)}\n`);

  const { more } = options;
  if (options.dryRun)
    return forThisRun(session, once, (session, config) => runPreview(session, { ...config, more }));
  return upWith(session, lasting, () =>
    forThisRun(session, once, (session, config) => runUp(session, { ...config, more })),
  );
}

/** `USE_CACHE` as compose would see it. Without a compose file there is no env file, and the program reports that. */
async function readUseCache({
  composeFile,
  envFile,
}: Record<string, unknown>): Promise<UseCache | undefined> {
  const composeFiles = composeFilesIn(String(composeFile ?? ""));
  const source = { composeFiles, ...(envFile === undefined ? {} : { envFile: String(envFile) }) };
  const found = await readVariable("USE_CACHE", source);
  return found?.value ? found : undefined;
}

/** `pulumi preview`. */
export async function preview(session: Session, more: readonly string[]): Promise<ExitStatus> {
  mustHaveReadableFile(session);
  await mustSuitPulumi(session);
  return runPreview(session, { more });
}

/** Builds and pushes the images; the hosts are left alone. */
export async function buildOnly(session: Session): Promise<ExitStatus> {
  await mustBeDeployable(session);
  mustFollowWorkingTree(await readPlainSettings(session), "build-only");
  return runUp(session, { only: ["everfresh:index:ContentImage", "everfresh:index:RegistryPush"] });
}
