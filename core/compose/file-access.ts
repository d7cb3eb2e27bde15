import type { FileAccess } from "../host/types";
import { problem } from "../problems";
import type { FileNode, FileUse } from "./document";

/** By default, every user in a container can read a config or a secret (compose, pkg/compose/secrets.go). */
const defaultMode = 0o444;

/**
 * The owner and mode that a service asks for. Compose honours them if it writes the file itself, from a variable or inline
 * text, and ignores them for a file that it mounts.
 */
export function accessOf({ uid, gid, mode }: FileUse, node: FileNode | undefined): FileAccess | undefined {
  if (node === undefined || node.file || node.external) return undefined;
  if (uid === undefined && gid === undefined && mode === undefined) return undefined;
  return {
    uid: Number(uid ?? 0),
    gid: Number(gid ?? 0),
    mode: mode === undefined ? defaultMode : modeOf(mode),
  };
}

/** Old versions of compose print a number, newer ones a string of octal digits. */
export const modeOf = (mode: number | string): number =>
  typeof mode === "string" ? Number.parseInt(mode, 8) : Number(mode);

export function accessProblems(where: string, { uid, gid, mode }: FileAccess): string[] {
  return Object.entries({ uid, gid, mode }).flatMap(([key, value]) =>
    Number.isInteger(value) && value >= 0 && value < (key === "mode" ? 0o10000 : 2 ** 32)
      ? []
      : [
          problem(
            `${where}.${key}`,
            "is not a number that docker compose accepts",
            "write the number, not a name",
          ),
        ],
  );
}

/** Identifies a config or a secret as a service uses it: every owner and mode needs a file of its own. */
export function fileKey(kind: "configs" | "secrets", use: FileUse, node: FileNode | undefined): string {
  const access = accessOf(use, node);
  const key = `${kind}.${use.source}`;
  return access ? `${key} (${access.uid}:${access.gid}, mode ${access.mode.toString(8)})` : key;
}
