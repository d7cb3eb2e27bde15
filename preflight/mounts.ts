import { inspectSources } from "../adapters/mount-sources";
import { readFiles } from "../adapters/mounted-files";
import type { ComposeText } from "../core/compose/document";
import { placeMounts } from "../core/compose/mounts";
import type { ComposeProject } from "../core/compose/project";
import { ProjectProblems, readProject } from "../core/compose/read-project";
import type { FileTree } from "../core/files";
import type { HostPath } from "../core/host/types";
import { allOrEveryProblem, refuse } from "../core/problems";

/** What containers mount: files that are sent to the hosts, and the hosts' own paths. */
export interface Mounts {
  files: FileTree[];
  /** By the source of the bind mount. */
  hostPaths: ReadonlyMap<string, HostPath>;
}

/** For a pinned release, which has its own files. */
export const noMounts = async (): Promise<Mounts> => ({ files: [], hostPaths: new Map() });

/**
 * Reads the project of a compose file.
 *
 * @throws Problems for every setting that is not supported, and for its mounts.
 */
export async function examineProject(text: ComposeText, inspect = inspectSources): Promise<ComposeProject> {
  try {
    return readProject(text);
  } catch (error) {
    if (!(error instanceof ProjectProblems)) throw error;
    await allOrEveryProblem([refuseAll(error.problems), readMounts(error.project, inspect)]);
    throw error;
  }
}

/**
 * Decides which of the project's mounts are shipped, and reads them.
 *
 * @param inspect - returns what this machine knows about the mounts' sources, by absolute path.
 * @throws Problems for everything that can neither be shipped nor left to the host.
 */
export async function readMounts(project: ComposeProject, inspect = inspectSources): Promise<Mounts> {
  const sources = project.files.flatMap(({ source, mounts }) => (source && mounts ? [source] : []));
  const problems: string[] = [];
  const { files, hostPaths } = placeMounts(project, await inspect(sources), problems);
  const [trees] = await allOrEveryProblem([readFiles(files), refuseAll(problems)]);
  return { files: trees, hostPaths };
}

const refuseAll = async (problems: readonly string[]) => refuse(problems);
