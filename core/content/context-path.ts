/**
 * The parts of a path from the context's top. No `..` leads out of the context: Go's `path.Join("/", path)`, which BuildKit
 * applies to sources and to the targets of links.
 */
export function contextPath(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts;
}

/** The folders that a path is in, within the context. */
export function foldersAbove(path: string): string[] {
  const found: string[] = [];
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1))
    found.push(path.slice(0, at));
  return found;
}
