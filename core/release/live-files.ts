import { createHash } from "node:crypto";
import type { ComposeProject, ReferencedFile } from "../compose/project";
import type { LiveFile } from "../host/types";

/**
 * Where a file lies on the hosts if all services that use it reload. The path does not depend on the content, so compose sees no
 * change when the content changes. This excludes files with an owner of their own, which the host's user cannot rewrite, seccomp
 * profiles, which only a new container can get, and folders in which something else is mounted.
 */
export function liveFileOf(file: ReferencedFile, { services }: ComposeProject): LiveFile | undefined {
  const reloads = (name: string) => services.some((it) => it.name === name && it.commands.reload);
  const isMounted = file.mounts !== undefined || /^(configs|secrets)\./.test(file.where);
  if (!isMounted || file.access || file.hostPaths?.size || !file.services.every(reloads)) return undefined;
  const key = createHash("sha256").update(file.where).digest("hex").slice(0, 16);
  return { path: `live/${key}/${file.name}`, services: file.services };
}
