import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

/** Creates a temporary folder and removes it after use. */
export async function inTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), "everfresh-compose-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
