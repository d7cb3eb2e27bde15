import { isUtf8 } from "node:buffer";
import { createHmac } from "node:crypto";
import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises";
import path from "node:path";
import type { ReferencedFile } from "./compose/project";
import { isInside } from "./compose/this-machine";
import { hashFile, piecesOf, sizeOf } from "./file-bytes";
import type { ReleaseFileEntry } from "./host/types";
import { problem, refuse } from "./problems";

/** More than this travels better in an image. Bytes. */
const largest = 64 * 1024 * 1024;
/** More than this is read only when it is sent. Bytes. */
const largestInMemory = 1024 * 1024;

export interface FileTree {
  file: ReferencedFile;
  entries: ReleaseFileEntry[];
}

/**
 * Reads every file and folder that the compose file mounts, whole.
 *
 * @throws Problems for what is missing, unreadable, of a special type, too large, or not named in UTF-8.
 */
export async function readFiles(files: readonly ReferencedFile[]): Promise<FileTree[]> {
  const read = await Promise.all(
    files.map(async (file) => {
      const problems: string[] = [];
      const entries = await readTree(file, problems).catch((error: NodeJS.ErrnoException) => {
        problems.push(explain(file, error));
        return [];
      });
      return { file, entries, problems };
    }),
  );
  refuse(read.flatMap(({ problems }) => problems));
  return read.map(({ file, entries }) => ({ file, entries }));
}

function explain({ where, source }: ReferencedFile, error: NodeJS.ErrnoException): string {
  if (error instanceof NotUtf8) return problem(where, error.message, "rename it");
  if (error.code === "ENOENT")
    return problem(where, `${source} does not exist`, "create it or correct the path");
  return problem(where, `${source} cannot be read (${error.code ?? error})`, "make it readable to you");
}

async function readTree(file: ReferencedFile, problems: string[]): Promise<ReleaseFileEntry[]> {
  if (file.text !== undefined) {
    const bytes = Buffer.from(file.text);
    return [{ type: "file", path: file.name, executable: false, ...accessOf(file), bytes }];
  }
  const entries: Found[] = [];
  let size = 0;
  await walk(file.source!, file.name);
  if (size > largest) {
    problems.push(
      problem(
        file.where,
        `${file.source} is ${Math.round(size / 1e6)} MB`,
        "copy it into the image or keep it in a volume",
      ),
    );
  }
  // sha256sum, with which a host looks at a large tree, writes such names otherwise in one userland than in another.
  for (const entry of size > largestInMemory ? entries : []) {
    const odd = oddPart(entry);
    if (odd === undefined) continue;
    const what = `${JSON.stringify(entry.path)} has a backslash or a line break in its ${odd}, in a folder of more than 1 MiB`;
    problems.push(problem(file.where, what, "rename it"));
    break;
  }
  return size > largest ? [] : Promise.all(entries.map((entry) => readEntry(entry, size > largestInMemory)));

  async function walk(source: string, name: string): Promise<void> {
    const hostPath = file.hostPaths?.get(source);
    if (hostPath !== undefined) {
      entries.push(emptyEntry(hostPath, name));
      return;
    }
    const missing = (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT" || mountPoints.length === 0) throw error;
    };
    const mountPoints = [...(file.hostPaths?.keys() ?? [])]
      .filter((below) => isInside(source, below))
      .map((below) => path.relative(source, below).split(path.sep)[0]!);
    // The mounted path itself may be a link (compose follows it); what lies below is carried as it is.
    const stats = name === file.name ? await stat(source) : await lstat(source).catch(missing);
    if (stats === undefined || stats.isDirectory()) {
      entries.push({ type: "directory", path: name });
      const found = stats ? await readdir(source, { encoding: "buffer" }) : [];
      const children = new Set([...found.map((bytes) => inUtf8(bytes, source)), ...mountPoints]);
      for (const child of [...children].sort(byCodeUnits)) {
        await walk(path.join(source, child), path.posix.join(name, child));
      }
    } else if (stats.isSymbolicLink()) {
      entries.push({
        type: "symlink",
        path: name,
        target: inUtf8(await readlink(source, { encoding: "buffer" }), source),
      });
    } else if (stats.isFile()) {
      size += stats.size;
      entries.push({
        ...{ type: "file", path: name, executable: (stats.mode & 0o100) !== 0, ...privacy(stats.mode) },
        ...{ file: source, size: stats.size },
      });
    } else {
      problems.push(
        problem(
          file.where,
          `${source} is neither a file nor a folder`,
          "mount it by its absolute path on the host",
        ),
      );
    }
  }
}

/** Where something else is to be mounted. */
const emptyEntry = (kind: "file" | "folder", name: string): ReleaseFileEntry =>
  kind === "folder"
    ? { type: "directory", path: name }
    : { type: "file", path: name, executable: false, bytes: Buffer.alloc(0) };

/** An entry, of whose bytes nothing was read yet. */
type Found =
  | (Omit<Extract<ReleaseFileEntry, { type: "file" }>, "bytes"> & { file: string; size: number })
  | ReleaseFileEntry;

const accessOf = ({ access }: ReferencedFile) => (access ? { access } : {});

/**
 * Whether a file is its owner's alone, as keys are. What else a mode keeps from others is how somebody's umask makes every
 * file of a checkout; so is all of it where that umask holds here, too.
 */
function privacy(mode: number, umask = process.umask()): { private?: true } {
  return (mode & 0o077) === 0 && (umask & 0o044) !== 0o044 ? { private: true } : {};
}

/** What of an entry a listing could not show in one line, and in the same way everywhere. */
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

/** @throws NotUtf8 */
function inUtf8(name: Buffer, source: string): string {
  if (isUtf8(name)) return name.toString();
  throw new NotUtf8(source, name);
}

/** A name, or a link's target, that a string cannot hold. */
class NotUtf8 extends Error {
  constructor(source: string, bytes: Buffer) {
    super(
      `${source} has a name or a link that is not UTF-8 (${JSON.stringify(bytes.toString("latin1"))} as Latin-1)`,
    );
  }
}

/** Nothing for a file that others may read and that has no owner of its own, as most are. */
function markOf(entry: Extract<ReleaseFileEntry, { type: "file" }>): string {
  const { access } = entry;
  const owner = access ? ` ${access.uid}:${access.gid}:${access.mode}` : "";
  return `${entry.private ? "private" : ""}${owner}`;
}

const byCodeUnits = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Names a tree by its names, types, executable bits and bytes: HMAC-SHA256 (RFC 2104) in 64 hex digits, each field
 * framed by its length. The key keeps it from telling anything about a secret's value.
 */
export function fingerprint(entries: readonly ReleaseFileEntry[], key: string): string {
  const hmac = createHmac("sha256", key);
  const field = (value: string) => hmac.update(`${Buffer.byteLength(value)}:`).update(value);
  for (const entry of entries) {
    field(entry.type);
    field(entry.path);
    if (entry.type === "file") {
      field(`${entry.executable ? "x" : "-"}${markOf(entry)}`);
      hmac.update(`${sizeOf(entry.bytes)}:`);
      for (const piece of piecesOf(entry.bytes)) hmac.update(piece);
    }
    if (entry.type === "symlink") field(entry.target);
  }
  return hmac.digest("hex");
}
