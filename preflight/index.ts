import os from "node:os";
import { readCompose } from "../adapters/compose";
import { readWorkingTree } from "../adapters/git";
import type { Provenance } from "../components/release";
import type { StackOutputs } from "../components/stack-outputs";
import { type ComposeProject, readProject } from "../core/compose/project";
import { type FileTree, readFiles } from "../core/files";
import { allOrEveryProblem } from "../core/problems";
import type { Settings } from "../core/settings";
import { releaseTag } from "../core/tag";
import { identifyContents, type ServiceContent } from "./contents";
import { type HostFacts, inspectHost } from "./hosts";

/** All that is known before a single resource is declared. */
export interface Facts {
  project: ComposeProject;
  files: FileTree[];
  /** Of each service that is built; empty when nothing is built (a pinned or a promoted release). */
  contents: Record<string, ServiceContent>;
  /** Where a new release would come from. */
  provenance: Provenance;
  hosts: HostFacts[];
}

/**
 * Reads and checks everything: the compose project, its files, the content of each build, the registry, the hosts.
 *
 * @param previous - what the stack deployed last.
 * @throws Problems with all that is wrong anywhere, before anything is changed.
 */
export async function preflight(settings: Settings, previous: Promise<StackOutputs>): Promise<Facts> {
  const text = await readCompose(settings);
  const project = readProject(text);
  const builds =
    settings.promoteFrom || settings.release ? [] : project.services.filter(({ build }) => build);

  const [files, contents, tree, hosts] = await allOrEveryProblem([
    readFiles(project.files),
    identifyContents(project.name, builds, settings, previous),
    readWorkingTree(text.folder),
    allOrEveryProblem(
      settings.hosts.map((host, i) =>
        inspectHost(host, `everfresh:hosts[${i}]`, project.name, settings, previous),
      ),
    ),
  ]);
  return {
    project,
    files,
    contents,
    provenance: {
      tag: releaseTag({ tag: settings.tag, uniqueTag: settings.uniqueTag, ...tree }, new Date()),
      ...(tree ? { commit: tree.commit, dirty: tree.dirty !== undefined } : {}),
      who: os.userInfo().username,
      from: os.hostname(),
    },
    hosts,
  };
}
