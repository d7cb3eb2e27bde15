import path from "node:path";
import { readManifest, writeManifest } from "../adapters/manifests";
import { ownFolder } from "../adapters/own-folder";
import { resolveDigest } from "../adapters/registry";
import { accessTo, blameSetting } from "../adapters/registry-access";
import type { StackOutputs } from "../components/stack-outputs";
import { type ComposeProject, isBuilt } from "../core/compose/project";
import {
  type ContentIdentity,
  changes,
  describe,
  type IdentifyOptions,
  identify,
  pinnedDockerfile,
  StatCache,
} from "../core/content";
import { contentTag, repositories } from "../core/images";
import { excerpt } from "../core/printable";
import { allOrEveryProblem, Problems, problem, refuse } from "../core/problems";
import { own } from "../core/records";
import type { Settings } from "../core/settings";
import { readBases } from "./bases";
import type { PlannedBuild } from "./built-bases";
import { refuseEnvironment } from "./environment";

export interface ServiceContent {
  /** How it is built; the images of other services that its Dockerfile names are contexts of it. */
  plan: PlannedBuild;
  /** 64 hex digits over exactly what the build can see. */
  content: string;
  /** What it was made from. */
  identity: ContentIdentity;
  /** Why it is deployed anew, in words; absent when the stack has deployed just this content. */
  cause?: string;
  /** The digest under which the registry has the image already, built by somebody else: it is not built again. */
  found?: string;
  /** Whether it is built without the cache, or was. */
  noCache: boolean;
  /** Its Dockerfile with the images of other services, by the names of their contexts; see `pinnedDockerfile`. */
  pin(refs: Readonly<Record<string, string>>): string | Buffer | undefined;
  /** Looks again: what has changed since, in words; undefined when nothing has. */
  changedSince(): Promise<string | undefined>;
}

/**
 * Identifies the content of each build, and looks up whether the registry has it.
 *
 * @returns each after those that it is built upon.
 */
export async function identifyContents(
  { name: project, services, inactive }: ComposeProject,
  settings: Settings,
  previous: Promise<StackOutputs>,
): Promise<Record<string, ServiceContent>> {
  const built = services.filter(isBuilt);
  if (built.length === 0) return {};
  refuseEnvironment(process.env);
  const registry = settings.registry!;
  const { builds, ...bases } = await readBases(built, settings, inactive);
  const names = repositories(
    registry.address,
    project,
    builds.map(({ name }) => name),
  );
  const cache = StatCache.open(ownFolder("cache"));
  const identities = identifyBuilds(builds, { fresh: settings.fresh, ...bases, cache });
  const contents = await allOrEveryProblem(
    builds.map(async (plan) => {
      const { name, build, buildOptions } = plan;
      const { identity, look } = await own(identities, name)!;
      const { content } = identity;
      const changedSince = async () => {
        const now = await look();
        return now.content === content ? undefined : inWords(identity, now);
      };
      const pin: ServiceContent["pin"] = (refs) => pinnedDockerfile(build, bases, refs);
      const known = { plan, content, identity, pin, changedSince };
      refuseOwnFolder(name, build.context, identity);
      const before = own((await previous).images, name);
      if (before?.content === content) {
        const found = before.built ? undefined : before.digest;
        return [name, { ...known, found, noCache: before.noCache ?? false }] as const;
      }
      const pushed = `${names[name]}:${contentTag(content)}`;
      // A nonce acts when it changes.
      const noCache =
        buildOptions.noCache || (settings.fresh !== undefined && settings.fresh !== before?.fresh);
      const [cause, found] = await Promise.all([
        explain(identity, before?.content),
        blameSetting(registry, () => resolveDigest(pushed, accessTo(pushed, registry))),
      ]);
      if (noCache || found === undefined) refuseUnset(plan);
      return [name, { ...known, cause, found: noCache ? undefined : found, noCache }] as const;
    }),
  );
  cache.save();
  return Object.fromEntries(contents);
}

/** What was identified, and what identifies it again; the contents of others that it is built upon stay as they were. */
export interface Identified {
  identity: ContentIdentity;
  look(): Promise<ContentIdentity>;
}

/** Identifies builds, those first that others are built upon: their contents count. */
export function identifyBuilds(
  builds: readonly PlannedBuild[],
  options: IdentifyOptions,
): Record<string, Promise<Identified>> {
  const identities: Record<string, Promise<Identified>> = {};
  for (const { name, build, bases } of builds) {
    const identified = (async () => {
      const contents = bases.map(async (base) => [base, (await identities[base]!).identity.content] as const);
      const builtContents = Object.fromEntries(await Promise.all(contents));
      const look = () => identify(build, { ...options, builtContents });
      return { identity: await look(), look };
    })();
    identified.catch(() => {}); // Told by whoever waits for it.
    identities[name] = identified;
  }
  return identities;
}

/**
 * Refuses secrets that have no value where they are needed: the builder would be given none.
 *
 * @throws Problems
 */
function refuseUnset({ name, buildOptions }: PlannedBuild): void {
  refuse(
    buildOptions.secrets.flatMap((secret) => {
      if ("file" in secret || secret.value !== undefined) return [];
      if (process.env[secret.environment] !== undefined) return [];
      return problem(
        `services.${name}.build.secrets`,
        `the variable ${secret.environment} is not set`,
        "set it where `pulumi up` runs, or in the env file",
      );
    }),
  );
}

/** What this program writes must not be part of what it identifies: nothing would ever come to rest. */
function refuseOwnFolder(service: string, context: string, { files }: ContentIdentity): void {
  const own = path.relative(context, path.resolve(".everfresh"));
  if (!files.some((file) => file.context === undefined && file.path.startsWith(`${own}/`))) return;
  throw new Problems([
    problem(
      `services.${service}.build.context`,
      `the build sees ${own}, where everfresh keeps its own files`,
      "add it to .dockerignore",
    ),
  ]);
}

async function explain(identity: ContentIdentity, before: string | undefined): Promise<string> {
  await writeManifest(identity);
  if (before === undefined) return "it was never deployed";
  const manifest = await readManifest(before);
  return manifest
    ? inWords(manifest, identity)
    : "its content changed (this checkout has not seen what it was)";
}

/** Names of files may have anything in them. */
const inWords = (before: ContentIdentity, now: ContentIdentity) =>
  excerpt(describe(changes(before, now)), 1000);
