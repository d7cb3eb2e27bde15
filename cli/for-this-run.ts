import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { inTemporaryFolder } from "../adapters/temporary-folder";
import { configurationFile } from "./configuration";
import type { RunOptions } from "./pulumi/commands";
import type { Session } from "./session";

/**
 * Runs pulumi with settings that count for this run alone. Pulumi saves the values of its `--config` in the file that it
 * uses, so it is given a copy of the stack's file, in which secrets are encrypted as they are in the stack's own.
 */
export async function forThisRun<T>(
  session: Session,
  config: Readonly<Record<string, string>>,
  run: (session: Session, options: Pick<RunOptions, "config">) => Promise<T>,
): Promise<T> {
  if (Object.keys(config).length === 0) return run(session, {});
  const file = await configurationFile(session);
  return inTemporaryFolder(async (folder) => {
    const copy = path.join(folder, path.basename(file));
    await writeFile(copy, await readIfThere(file), { mode: 0o600 });
    return run({ ...session, configFile: copy }, { config });
  });
}

/** A stack whose settings are all kept elsewhere has no file. */
async function readIfThere(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}
