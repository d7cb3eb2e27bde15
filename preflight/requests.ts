import type { Provenance } from "../components/release";
import type { ComposeProject } from "../core/compose/project";
import type { FileTree } from "../core/files";
import { problemsOf } from "../core/host/validate";
import { repositories } from "../core/images";
import { refuse } from "../core/problems";
import { assembleRelease, type Ingredients } from "../core/release/assemble";
import { deployRequest } from "../core/release/request";
import type { Settings } from "../core/settings";
import type { FollowedTags } from "./followed-tags";
import type { HostFacts } from "./hosts";

/** In the place of what only a build or the state tells. */
const unknown = { id: "unknown", lineage: "", layers: {}, hash: "0".repeat(64) };

/**
 * Drafts what each host would be asked, before anything is built for it.
 *
 * @param stack - its full name.
 * @throws Problems for all that cannot be carried to a host.
 */
export function refuseRequests(
  {
    project,
    files,
    hostPaths,
    followed,
    provenance,
    hosts,
  }: {
    project: ComposeProject;
    files: FileTree[];
    hostPaths: Ingredients["hostPaths"];
    followed: FollowedTags;
    provenance: Provenance;
    hosts: HostFacts[];
  },
  settings: Settings,
  stack: string,
): void {
  const release = settings.release
    ? { kept: settings.release, project: project.name }
    : assembleRelease(
        { project, files, hostPaths, followed, forceRecreate: settings.forceRecreate },
        {
          ...unknown,
          fingerprints: files.map(() => unknown.hash),
          images: unknownImages(project, settings),
          ...provenance,
        },
      );
  const { who, from } = provenance;
  refuse(
    hosts.flatMap(({ host, judgement: { token } }) =>
      problemsOf(
        deployRequest({ release, token, lineage: unknown.lineage, host, who, from, stack }, settings),
      ),
    ),
  );
}

function unknownImages({ name, services }: ComposeProject, { registry }: Settings) {
  const names = services.flatMap(({ name, build }) => (build ? [name] : []));
  const digest = `sha256:${unknown.hash}`;
  return Object.fromEntries(
    Object.entries(repositories(registry!.pullAddress, name, names)).map(([service, repository]) => [
      service,
      { content: unknown.hash, digest, ref: `${repository}@${digest}` },
    ]),
  );
}
