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
