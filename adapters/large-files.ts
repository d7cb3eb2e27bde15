import { bytesIn, isLarge } from "../core/host/large-trees";
import { missingTreesProgram, receiveProgram } from "../core/host/requests";
import type { DeployRequest } from "../core/host/types";
import { type Asked, runVerb } from "./verb";

/** The slowest connection that the time limit for uploads allows for. Bytes per second. */
const SLOWEST = 50_000;

/**
 * Sends the mounted files that are too large for the request itself, unless the host already has them.
 *
 * @param onSend - called with the number of bytes before any are sent.
 * @throws Problems when the host cannot be reached or cannot store them.
 */
export async function sendLargeFiles(
  asked: Asked,
  request: DeployRequest,
  onSend: (bytes: number) => void,
): Promise<void> {
  const { release, remoteDir, lockWait } = request;
  if ("kept" in release || !release.files.some(isLarge)) return;
  const lacked = new Set(
    (await runVerb(asked, missingTreesProgram({ project: release.project, remoteDir }, release))).split("\n"),
  );
  // A tree that is mounted twice is sent once.
  const files = release.files.filter((file) => isLarge(file) && lacked.delete(file.fingerprint));
  if (files.length === 0) return;
  const bytes = bytesIn(files);
  onSend(bytes);
  const timeout = (lockWait + 60 + bytes / SLOWEST) * 1000;
  await runVerb(asked, receiveProgram({ ...request, release }, files), { timeout });
}
