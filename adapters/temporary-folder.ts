import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

/** Makes a folder for as long as it is used. */
export async function inTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), "everfresh-compose-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
