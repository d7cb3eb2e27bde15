import { createHmac } from "node:crypto";
import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises";
import path from "node:path";
import type { ReferencedFile } from "./compose/project";
import type { ReleaseFileEntry } from "./host/types";
import { Problems, problem } from "./problems";

/** More than this travels better in an image. Bytes. */
const largest = 64 * 1024 * 1024;

export interface FileTree {
  file: ReferencedFile;
  entries: ReleaseFileEntry[];
}

/**
 * Reads every file and folder that the compose file mounts, whole.
 *
 * @throws Problems for what is missing, unreadable, of a special type, too large, or a writable folder.
 */
export async function readFiles(files: readonly ReferencedFile[]): Promise<FileTree[]> {
  const problems: string[] = [];
  const trees = await Promise.all(
    files.map(async (file): Promise<FileTree> => {
      try {
        return { file, entries: await readTree(file, problems) };
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        problems.push(
          code === "ENOENT"
            ? problem(file.where, `${file.source} does not exist`, "create it or correct the path")
            : problem(
                file.where,
                `${file.source} cannot be read (${code ?? error})`,
                "make it readable to you",
              ),
        );
        return { file, entries: [] };
      }
    }),
  );
  if (problems.length > 0) throw new Problems(problems);
  return trees;
}

async function readTree(file: ReferencedFile, problems: string[]): Promise<ReleaseFileEntry[]> {
  if (file.text !== undefined) {
    return [{ type: "file", path: file.name, executable: false, bytes: Buffer.from(file.text) }];
  }
  const entries: ReleaseFileEntry[] = [];
  let size = 0;
  await walk(file.source!, file.name);
  if (file.writable && entries[0]?.type === "directory") {
    problems.push(
      problem(
        file.where,
        `containers may write to ${file.source}, which is shipped anew whenever it differs`,
        "mount it read-only (`:ro`); for what containers write take a named volume, or a folder of the host by its absolute path",
      ),
    );
  }
  if (size > largest) {
    problems.push(
      problem(
        file.where,
        `${file.source} is ${Math.round(size / 1e6)} MB`,
        "copy it into the image or keep it in a volume",
      ),
    );
  }
  return entries;

  async function walk(source: string, name: string): Promise<void> {
    // The mounted path itself may be a link (compose follows it); what lies below is carried as it is.
    const stats = name === file.name ? await stat(source) : await lstat(source);
    if (stats.isDirectory()) {
      entries.push({ type: "directory", path: name });
      for (const child of (await readdir(source)).sort(byCodeUnits)) {
        await walk(path.join(source, child), path.posix.join(name, child));
      }
    } else if (stats.isSymbolicLink()) {
      entries.push({ type: "symlink", path: name, target: await readlink(source) });
    } else if (stats.isFile()) {
      size += stats.size;
      // What is too large is not even read.
      const bytes = size > largest ? Buffer.alloc(0) : await readFile(source);
      entries.push({ type: "file", path: name, executable: (stats.mode & 0o100) !== 0, bytes });
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

const byCodeUnits = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Names a tree by its names, types, executable bits and bytes: HMAC-SHA256 (RFC 2104) in 64 hex digits, each field
 * framed by its length. The key keeps it from telling anything about a secret's value.
 */
export function fingerprint(entries: readonly ReleaseFileEntry[], key: string): string {
  const hmac = createHmac("sha256", key);
  const field = (value: string | Buffer) => hmac.update(`${Buffer.byteLength(value)}:`).update(value);
  for (const entry of entries) {
    field(entry.type);
    field(entry.path);
    if (entry.type === "file") {
      field(entry.executable ? "x" : "-");
      field(entry.bytes);
    }
    if (entry.type === "symlink") field(entry.target);
  }
  return hmac.digest("hex");
}
