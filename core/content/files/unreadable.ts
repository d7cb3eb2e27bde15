import { ContentError } from "../types";

/** The error to report when `fs` throws for a path of a context: a ContentError if a permission is missing. */
export function unreadable(path: string, error: unknown): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "EACCES" && code !== "EPERM") return error as Error;
  return new ContentError(
    `${path}: cannot be read; give yourself permission to read it, or list it in .dockerignore`,
  );
}
