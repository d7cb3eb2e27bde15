import type { Outside } from "../adapters/outside";
import { hostPathsNote } from "../core/compose/mounts";
import type { ComposeProject } from "../core/compose/project";
import { inOneLine } from "../core/printable";
import { allOrEveryProblem, Problems, problem } from "../core/problems";
import { commandNotes } from "../core/release/commands";
import type { Deployed } from "../core/release/deployed";
import { hostRecreationNotes } from "../core/release/host-rollouts";
import { newImages, type Plan, planRelease } from "../core/release/plan";
import { refuseRequests } from "../core/release/request";
import { decideRollouts, type RolloutDecisions, recreationNotes, rolloutsOf } from "../core/release/rollouts";
import type { Settings } from "../core/settings";
import { releaseTag } from "../core/tag";
import { deployer } from "./deployer";
import { movedTags, readFollowedTags } from "./followed-tags";
import { type HostFacts, inspectHosts } from "./hosts";
import { readContents } from "./images";
import { refuseUnreachable } from "./lent-images";
import { examineProject, noMounts, readMounts } from "./mounts";

/** What is known before any resource is declared, and the plan that follows from it. */
export interface Preflight {
  plan: Plan;
  project: ComposeProject;
  hosts: HostFacts[];
}

/** What the program knows about itself and its environment. */
export interface Circumstances {
  /** What the stack deployed last. */
  deployed: Promise<Deployed>;
  /** What the stack named by `promoteFrom` deployed last. */
  promoted: Promise<Deployed> | undefined;
  /** Reads the stack's lineage, its identity on the hosts, from the state. */
  lineage: () => Promise<string | undefined>;
  /** The stack's full name. */
  stack: string;
  preview: boolean;
  outside: Outside;
  log: { warn(text: string): void; info(text: string): void };
}

/**
 * Reads and checks everything: the compose project, its files, the content of each build, the registry, the hosts.
 *
 * @throws Problems with everything that is wrong, before anything is changed.
 */
export async function preflight(settings: Settings, circumstances: Circumstances): Promise<Preflight> {
  const { deployed, promoted, stack, preview, outside, log } = circumstances;
  // Failures are reported where these are awaited.
  for (const reading of [deployed, promoted]) reading?.catch(() => {});
  const reading = outside.readCompose(settings).then(async (text) => ({
    text,
    project: await examineProject(text),
  }));
  const inspecting = inspectHosts({
    settings,
    project: reading.then(({ project }) => project.name),
    probeHost: outside.probeHost,
    ...circumstances,
  });
  inspecting.catch(() => {}); // an unreadable compose file is reported on its own
  const { text, project } = await reading;
  for (const warning of text.warnings) log.warn(`docker compose: ${inOneLine(warning)}`);

  const pinned = settings.release !== undefined;
  const builds = !pinned && !settings.promoteFrom;
  const [{ files, hostPaths }, images, followed, tree, hosts] = await allOrEveryProblem([
    pinned ? noMounts() : readMounts(project),
    builds ? readContents(project, settings, { deployed, hosts: inspecting, outside }) : nothingBuilt(),
    pinned ? Promise.resolve({}) : readFollowedTags(project.services, settings, promoted, outside),
    outside.readWorkingTree(text.folder),
    inspecting,
    refuseOtherProject(project.name, deployed),
  ]);
  const note = hostPathsNote([...hostPaths.values()], project.name, settings.remoteDir);
  if (note && preview) log.info(note);
  for (const moved of movedTags(project.services, (await deployed).followed, followed)) log.info(moved);

  const provenance = {
    tag: releaseTag({ tag: settings.tag, uniqueTag: settings.uniqueTag, ...tree }, new Date()),
    ...(tree ? { commit: tree.commit, dirty: tree.dirty !== undefined } : {}),
    ...deployer(),
  };
  const decisions = decideRollouts(project, settings.strategy, hostPaths);
  const rollouts = rolloutsOf(decisions);
  const { transport, forceRecreate } = settings;
  const ingredients = { project, files, hostPaths, followed, rollouts, transport, forceRecreate };
  const asked = hosts.map(({ host, judgement: { token } }) => ({ host, token }));
  refuseRequests(ingredients, provenance, asked, settings, stack);
  const plan = planRelease(settings, {
    ingredients,
    ...images,
    provenance,
    deployed: await deployed,
    promoted: await promoted,
  });
  await refuseUnreachable(plan.images, settings.registry, hosts, outside);
  for (const warning of plan.warnings) log.warn(warning);
  if (!pinned) tellRecreations(decisions, circumstances);
  if (!pinned && preview) {
    const running = hosts.map(({ host: { name }, state }) => ({ name, state }));
    for (const note of hostRecreationNotes(project, Object.keys(rollouts), running)) log.info(note);
    for (const note of commandNotes(project)) log.info(note);
  }
  return { plan, project, hosts: hosts.map((facts) => withVolumeNotes(facts, newImages(plan))) };
}

function tellRecreations(decisions: RolloutDecisions, { preview, log }: Circumstances): void {
  for (const note of recreationNotes(decisions, true)) log.warn(note);
  if (preview) for (const note of recreationNotes(decisions, false)) log.info(note);
}

const nothingBuilt = async () => ({ builds: [], contents: {} });

/** Adds notes on named volumes that will hide files of new images. */
function withVolumeNotes({ host, state, judgement }: HostFacts, services: readonly string[]): HostFacts {
  const notes = state.covers
    .filter(({ service }) => services.includes(service))
    .map(
      ({ service, volume, path }) =>
        `${service}: volume ${volume} stays as it is in ${path}, whatever the new image has there; if it holds nothing of yours, set x-everfresh.volumes`,
    );
  return { host, state, judgement: { ...judgement, notes: [...judgement.notes, ...notes.map(inOneLine)] } };
}

/** Refuses a new project name: the deployed project would keep running, out of reach of `up` and `destroy`. */
async function refuseOtherProject(name: string, deployed: Promise<Deployed>): Promise<void> {
  const { project = name } = await deployed;
  if (project === name) return;
  throw new Problems([
    problem(
      "everfresh:projectName",
      `this stack deployed project ${project}, but the project is now ${name}`,
      "set it back, or `pulumi destroy` first",
    ),
  ]);
}
