import { inspectSources } from "../adapters/mount-sources";
import { readFiles } from "../adapters/mounted-files";
import type { ComposeText } from "../core/compose/document";
import { placeMounts } from "../core/compose/mounts";
import type { ComposeProject } from "../core/compose/project";
import { ProjectProblems, readProject } from "../core/compose/read-project";
import type { FileTree } from "../core/files";
import type { HostPath } from "../core/host/types";
import { allOrEveryProblem, refuse } from "../core/problems";

/** What containers mount: what is sent to the hosts, and what is there. */
export interface Mounts {
  files: FileTree[];
  /** By the source of the bind mount. */
  hostPaths: ReadonlyMap<string, HostPath>;
}

/** Of a pinned release, which has files of its own. */
export const noMounts = async (): Promise<Mounts> => ({ files: [], hostPaths: new Map() });

/**
 * Reads the project of a compose file.
 *
 * @throws Problems for every setting that cannot be carried out, and for its mounts along with them.
 */
export async function examineProject(text: ComposeText, look = inspectSources): Promise<ComposeProject> {
  try {
    return readProject(text);
  } catch (error) {
    if (!(error instanceof ProjectProblems)) throw error;
    await allOrEveryProblem([refuseAll(error.problems), readMounts(error.project, look)]);
    throw error;
  }
}

/**
 * Decides what of the project's mounts is shipped, and reads that.
 *
 * @param look - tells what this machine knows of the mounts' sources, absolute paths.
 * @throws Problems for everything that can neither be shipped nor be left to the host.
 */
export async function readMounts(project: ComposeProject, look = inspectSources): Promise<Mounts> {
  const sources = project.files.flatMap(({ source, mounts }) => (source && mounts ? [source] : []));
  const problems: string[] = [];
  const { files, hostPaths } = placeMounts(project, await look(sources), problems);
  const [trees] = await allOrEveryProblem([readFiles(files), refuseAll(problems)]);
  return { files: trees, hostPaths };
}

const refuseAll = async (problems: readonly string[]) => refuse(problems);
