/**
 * The parts of a path from the context's root. No `..` leads out of the context, as with Go's `path.Join("/", path)`, which
 * BuildKit applies to sources and link targets.
 */
export function contextPath(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts;
}

/** The folders within the context that contain a path. */
export function foldersAbove(path: string): string[] {
  const found: string[] = [];
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1))
    found.push(path.slice(0, at));
  return found;
}
