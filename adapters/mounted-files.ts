import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { createReadStream, type Stats } from "node:fs";
import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import type { ReferencedFile } from "../core/compose/project";
import { isInside } from "../core/compose/this-machine";
import type { FileTree } from "../core/files";
import type { ReleaseFileEntry } from "../core/host/types";
import { problem, refuse } from "../core/problems";

/** Limit for one mount; larger ones belong in an image or a volume. Bytes. */
const largest = 64 * 1024 * 1024;
/** Files of larger trees are read only when they are sent. Bytes. */
const largestInMemory = 1024 * 1024;

/**
 * Reads every file and folder that the compose file mounts, completely.
 *
 * @throws Problems for what is missing, unreadable, of a special type, too large, or not named in UTF-8.
 */
export async function readFiles(files: readonly ReferencedFile[]): Promise<FileTree[]> {
  const read = await Promise.all(
    files.map(async (file) => {
      const problems: string[] = [];
      const entries = await readTree(file, problems).catch((error: NodeJS.ErrnoException) => {
        problems.push(readingProblem(file, error));
        return [];
      });
      return { file, entries, problems };
    }),
  );
  refuse(read.flatMap(({ problems }) => problems));
  return read.map(({ file, entries }) => ({ file, entries }));
}

function readingProblem({ where, source }: ReferencedFile, error: NodeJS.ErrnoException): string {
  if (error instanceof NotUtf8) return problem(where, error.message, "rename it");
  if (error.code === "ENOENT")
    return problem(where, `${source} does not exist`, "create it or correct the path");
  return problem(where, `${source} cannot be read (${error.code ?? error})`, "make it readable to you");
}

async function readTree(file: ReferencedFile, problems: string[]): Promise<ReleaseFileEntry[]> {
  if (file.text !== undefined) {
    const access = file.access && { access: file.access };
    return [{ type: "file", path: file.name, executable: false, ...access, bytes: Buffer.from(file.text) }];
  }
  const found = await listTree(file, file.source!, file.name, problems);
  const size = found.reduce((sum, entry) => sum + ("file" in entry ? entry.size : 0), 0);
  if (size > largest) {
    problems.push(
      problem(
        file.where,
        `${file.source} is ${Math.round(size / 1e6)} MB`,
        "copy it into the image or keep it in a volume",
      ),
    );
  }
  const isLarge = size > largestInMemory;
  if (isLarge) problems.push(...unlistable(file, found));
  return size > largest ? [] : Promise.all(found.map((entry) => readEntry(entry, isLarge)));
}

/** An entry whose bytes have not been read yet. */
type Found =
  | (Omit<Extract<ReleaseFileEntry, { type: "file" }>, "bytes"> & { file: string; size: number })
  | ReleaseFileEntry;

/**
 * Lists a path and everything below it, parents before children.
 *
 * @param name - the path's name in the release.
 * @throws NotUtf8, and the system's errors.
 */
async function listTree(
  file: ReferencedFile,
  source: string,
  name: string,
  problems: string[],
): Promise<Found[]> {
  const hostPath = file.hostPaths?.get(source);
  if (hostPath !== undefined) return [emptyEntry(hostPath, name)];
  const mountPoints = mountPointsIn(file, source);
  const stats = await statOf(source, { isMounted: name === file.name, mayBeMissing: mountPoints.length > 0 });
  if (stats === undefined || stats.isDirectory()) {
    const names = stats ? await readdir(source, { encoding: "buffer" }) : [];
    const children = new Set([...names.map((bytes) => inUtf8(bytes, source)), ...mountPoints]);
    const found: Found[] = [{ type: "directory", path: name }];
    for (const child of [...children].sort(byCodeUnits)) {
      const below = await listTree(file, path.join(source, child), path.posix.join(name, child), problems);
      for (const entry of below) found.push(entry);
    }
    return found;
  }
  if (stats.isSymbolicLink()) {
    const target = inUtf8(await readlink(source, { encoding: "buffer" }), source);
    return [{ type: "symlink", path: name, target }];
  }
  if (stats.isFile()) {
    const { mode, size } = stats;
    const executable = (mode & 0o100) !== 0;
    return [{ type: "file", path: name, executable, ...privacy(mode), file: source, size }];
  }
  problems.push(
    problem(
      file.where,
      `${source} is neither a file nor a folder`,
      "mount it by its absolute path on the host",
    ),
  );
  return [];
}

/** The names in a folder that lead to a path of the host, which is mounted over the folder there. */
const mountPointsIn = ({ hostPaths }: ReferencedFile, source: string): string[] =>
  [...(hostPaths?.keys() ?? [])]
    .filter((below) => isInside(source, below))
    .map((below) => path.relative(source, below).split(path.sep)[0]!);

/** The mounted path itself may be a link, which compose follows. Links below it are shipped as links. */
async function statOf(
  source: string,
  { isMounted, mayBeMissing }: { isMounted: boolean; mayBeMissing: boolean },
): Promise<Stats | undefined> {
  if (isMounted) return stat(source);
  try {
    return await lstat(source);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && mayBeMissing) return undefined;
    throw error;
  }
}

/** An empty mount point for a path of the host. */
const emptyEntry = (kind: "file" | "folder", name: string): ReleaseFileEntry =>
  kind === "folder"
    ? { type: "directory", path: name }
    : { type: "file", path: name, executable: false, bytes: Buffer.alloc(0) };

/**
 * Whether a file is private to its owner, as keys are. Only modes without any access for others count, because other modes
 * may come from the umask. If the umask itself is that strict, no file counts as private.
 */
function privacy(mode: number, umask = process.umask()): { private?: true } {
  return (mode & 0o077) === 0 && (umask & 0o044) !== 0o044 ? { private: true } : {};
}

/**
 * Finds the first entry of a large tree whose name would not be listed on one line, and alike, on every host: some versions
 * of `sha256sum` escape such names and others do not.
 */
function unlistable({ where }: ReferencedFile, entries: readonly Found[]): string[] {
  for (const entry of entries) {
    const odd = oddPart(entry);
    if (odd === undefined) continue;
    const what = `${JSON.stringify(entry.path)} has a backslash or a line break in its ${odd}, in a folder of more than 1 MiB`;
    return [problem(where, what, "rename it")];
  }
  return [];
}

function oddPart(entry: Found): "name" | "target" | undefined {
  if (/[\\\r\n]/.test(entry.path)) return "name";
  return entry.type === "symlink" && /[\r\n]/.test(entry.target) ? "target" : undefined;
}

async function readEntry(entry: Found, staysOnDisk: boolean): Promise<ReleaseFileEntry> {
  if (!("file" in entry)) return entry;
  const { file, size, ...rest } = entry;
  return {
    ...rest,
    bytes: staysOnDisk ? { file, size, sha256: await hashFile(file) } : await readFile(file),
  };
}

/** SHA-256 of a file's bytes, 64 hex digits. */
async function hashFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/** @throws NotUtf8 */
function inUtf8(name: Buffer, source: string): string {
  if (isUtf8(name)) return name.toString();
  throw new NotUtf8(source, name);
}

/** A name or a link's target that is not UTF-8, so a string cannot hold it. */
class NotUtf8 extends Error {
  constructor(source: string, bytes: Buffer) {
    super(
      `${source} has a name or a link that is not UTF-8 (${JSON.stringify(bytes.toString("latin1"))} as Latin-1)`,
    );
  }
}

const byCodeUnits = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
