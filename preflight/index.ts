import * as pulumi from "@pulumi/pulumi";
import { readCompose } from "../adapters/compose";
import { readWorkingTree } from "../adapters/git";
import type { Provenance } from "../components/release";
import type { StackOutputs } from "../components/stack-outputs";
import { hostPathsNote } from "../core/compose/mounts";
import type { ComposeProject } from "../core/compose/project";
import type { FileTree } from "../core/files";
import type { HostPath } from "../core/host/types";
import { inOneLine } from "../core/printable";
import { allOrEveryProblem, Problems, problem } from "../core/problems";
import { own } from "../core/records";
import type { Settings } from "../core/settings";
import { releaseTag } from "../core/tag";
import { identifyContents, type ServiceContent } from "./contents";
import { deployer } from "./deployer";
import { type FollowedTags, movedTags, readFollowedTags } from "./followed-tags";
import { askHosts, type HostFacts } from "./hosts";
import { examineProject, noMounts, readMounts } from "./mounts";
import { refuseRequests } from "./requests";

/** All that is known before a single resource is declared. */
export interface Facts {
  project: ComposeProject;
  /** Empty for a pinned release, which has files of its own. */
  files: FileTree[];
  /** What containers mount of the hosts' own, by the source of the bind mount. */
  hostPaths: ReadonlyMap<string, HostPath>;
  /** Of each service that is built; empty when nothing is built (a pinned or a promoted release). */
  contents: Record<string, ServiceContent>;
  /** Of services that follow a tag; empty for a pinned release. */
  followed: FollowedTags;
  /** Where a new release would come from. */
  provenance: Provenance;
  hosts: HostFacts[];
}

/**
 * Reads and checks everything: the compose project, its files, the content of each build, the registry, the hosts.
 *
 * @param previous - what the stack deployed last.
 * @param lineage - asks the state for the name that the stack goes by on the hosts.
 * @param stack - its full name.
 * @param promoted - what the stack of `promoteFrom` says of itself.
 * @throws Problems with all that is wrong anywhere, before anything is changed.
 */
export async function preflight(
  settings: Settings,
  previous: Promise<StackOutputs>,
  lineage: () => Promise<string | undefined>,
  stack: string,
  promoted?: Promise<StackOutputs>,
): Promise<Facts> {
  const reading = readCompose(settings).then(async (text) => ({
    text,
    project: await examineProject(text),
  }));
  const asking = askHosts(
    settings,
    reading.then(({ project }) => project.name),
    previous,
    lineage,
  );
  asking.catch(() => {}); // A compose file that cannot be read is told alone.
  const { text, project } = await reading;
  for (const warning of text.warnings) void pulumi.log.warn(`docker compose: ${inOneLine(warning)}`);
  const builds = !settings.promoteFrom && !settings.release;

  const [{ files, hostPaths }, contents, followed, tree, hosts] = await allOrEveryProblem([
    settings.release ? noMounts() : readMounts(project),
    builds ? identifyContents(project, settings, previous) : Promise.resolve({}),
    settings.release ? Promise.resolve({}) : readFollowedTags(project.services, settings, promoted),
    readWorkingTree(text.folder),
    asking,
    refuseOtherProject(project.name, previous),
  ]);
  const kept = hostPathsNote([...hostPaths.values()], project.name, settings.remoteDir);
  if (kept && pulumi.runtime.isDryRun()) void pulumi.log.info(kept);
  for (const moved of movedTags(project.services, (await previous).followed, followed))
    void pulumi.log.info(moved);
  const provenance = {
    tag: releaseTag({ tag: settings.tag, uniqueTag: settings.uniqueTag, ...tree }, new Date()),
    ...(tree ? { commit: tree.commit, dirty: tree.dirty !== undefined } : {}),
    ...deployer(),
  };
  refuseRequests({ project, files, hostPaths, followed, provenance, hosts }, settings, stack);
  return {
    project,
    files,
    hostPaths,
    contents,
    followed,
    provenance,
    hosts: hosts.map((facts) => withVolumeNotes(facts, contents)),
  };
}

/** Says beforehand what a named volume will hide of the images that are built anew. */
function withVolumeNotes(
  { host, covers, judgement }: HostFacts,
  contents: Record<string, ServiceContent>,
): HostFacts {
  const notes = covers
    .filter(({ service }) => own(contents, service)?.cause !== undefined)
    .map(
      ({ service, volume, path }) =>
        `${service}: volume ${volume} stays as it is in ${path}, whatever the new image has there; if it holds nothing of yours, set x-everfresh.volumes`,
    );
  return { host, covers, judgement: { ...judgement, notes: [...judgement.notes, ...notes.map(inOneLine)] } };
}

/** Under another name it would run beside what is deployed, which no deployment and no `destroy` would reach any more. */
async function refuseOtherProject(name: string, previous: Promise<StackOutputs>): Promise<void> {
  const { project = name } = await previous;
  if (project === name) return;
  throw new Problems([
    problem(
      "everfresh:projectName",
      `this stack has deployed project ${project}, and now it is ${name}`,
      "set it back, or `pulumi destroy` first",
    ),
  ]);
}
