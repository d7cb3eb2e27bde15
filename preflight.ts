import os from "node:os";
import { readCompose } from "./adapters/compose";
import { readWorkingTree } from "./adapters/git";
import { readManifest, writeManifest } from "./adapters/manifests";
import { probeHost } from "./adapters/probe";
import type { Provenance } from "./components/release";
import type { StackOutputs } from "./components/stack-outputs";
import { type ComposeProject, type ComposeService, readProject } from "./core/compose/project";
import { type ContentIdentity, changes, describe, identify } from "./core/content";
import { type FileTree, readFiles } from "./core/files";
import { type Judgement, judge } from "./core/host/judge";
import { Problems } from "./core/problems";
import type { Host, Settings } from "./core/settings";
import { releaseTag } from "./core/tag";

/** All that is known before a single resource is declared. */
export interface Facts {
  project: ComposeProject;
  files: FileTree[];
  /** Of each service that is built; empty when nothing is built (a pinned or a promoted release). */
  contents: Record<string, ServiceContent>;
  /** Where a new release would come from. */
  provenance: Provenance;
  hosts: { host: Host; judgement: Judgement }[];
}

export interface ServiceContent {
  content: string;
  /** Why it is built again, in words; absent when the stack has just this content. */
  cause?: string;
}

/**
 * Reads and checks everything: the compose project, its files, the content of each build, the hosts.
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
    identifyAll(builds, settings, previous),
    readWorkingTree(text.folder),
    Promise.all(
      settings.hosts.map((host, i) => probe(host, `everfresh:hosts[${i}]`, project.name, settings)),
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

async function identifyAll(
  services: ComposeService[],
  { fresh }: Settings,
  previous: Promise<StackOutputs>,
): Promise<Record<string, ServiceContent>> {
  const entries = await allOrEveryProblem(
    services.map(async ({ name, build }) => {
      const identity = await identify(build!, { fresh });
      const before = (await previous).images?.[name]?.content;
      return [name, { content: identity.content, ...(await cause(identity, before)) }] as const;
    }),
  );
  return Object.fromEntries(entries);
}

async function cause(identity: ContentIdentity, before: string | undefined): Promise<{ cause?: string }> {
  if (before === identity.content) return {};
  await writeManifest(identity);
  if (before === undefined) return { cause: "it was never built" };
  const manifest = await readManifest(before);
  return {
    cause: manifest
      ? describe(changes(manifest, identity))
      : "its content changed (this checkout has not seen what it was)",
  };
}

async function probe(host: Host, where: string, project: string, { remoteDir }: Settings) {
  return { host, judgement: judge(await probeHost(host, where, project, remoteDir)) };
}

/** Waits for all, and throws the problems of all. */
async function allOrEveryProblem<T extends readonly unknown[]>(
  promises: { [K in keyof T]: Promise<T[K]> },
): Promise<T> {
  const results = await Promise.allSettled(promises);
  const problems: string[] = [];
  for (const result of results) {
    if (result.status === "fulfilled") continue;
    if (!(result.reason instanceof Problems)) throw result.reason;
    problems.push(...result.reason.problems);
  }
  if (problems.length > 0) throw new Problems(problems);
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}
