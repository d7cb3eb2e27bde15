import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { readCompose } from "../../../adapters/compose";
import { readProject } from "../../../core/compose/read-project";

/** The test's own folder. */
export let folder: string;

/** Gives each test of a suite a folder for a project that the real docker compose reads. */
export function inProjectFolder(): void {
  before(() => {
    try {
      execFileSync("docker", ["compose", "version"], { stdio: "pipe" });
    } catch {
      throw new Error("docker compose: version 2 is not installed here; run `npm run setup`");
    }
  });
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(path.join(os.tmpdir(), "everfresh-compose-")));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
}

/** Writes files into the test's own folder. @returns the first one's path. */
export async function write(files: Record<string, string>): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  return path.join(folder, Object.keys(files)[0]!);
}

export const read = async (...composeFiles: string[]) => readProject(await readCompose({ composeFiles }));
