import path from "node:path";
import { writeManifest } from "../adapters/manifests";
import type { Outside } from "../adapters/outside";
import { ownFolder } from "../adapters/own-folder";
import { accessTo, blameSetting, unusableLogin } from "../adapters/registry-access";
import { type ComposeProject, isBuilt } from "../core/compose/project";
import { type IdentifyOptions, StatCache } from "../core/content";
import { contentTag, registryHost, repositories, usesDockerLogin } from "../core/images";
import { allOrEveryProblem, Problems, problem, refuse } from "../core/problems";
import { mapValues, own } from "../core/records";
import { type IdentifiedBuild, identifyBuild, type PlannedBuild } from "../core/release/builds";
import type { Deployed } from "../core/release/deployed";
import { type ContentFacts, deployedImage, type ImagePlace, wantsNoCache } from "../core/release/images";
import type { Registry, Settings } from "../core/settings";
import { readBases } from "./bases";
import { refuseEnvironment } from "./environment";
import type { HostFacts } from "./hosts";
import { isAtHand } from "./lent-images";
import { whyNew } from "./why-new";

/** What the images depend on beside the project. */
export interface Surroundings {
  /** What the stack deployed last. */
  deployed: Promise<Deployed>;
  hosts: Promise<readonly HostFacts[]>;
  outside: Outside;
}

/**
 * Identifies the content of each build and looks for an existing image of it.
 *
 * @returns the builds, each after those that it is built upon.
 */
export async function readContents(
  { name: project, services, inactive }: ComposeProject,
  settings: Settings,
  { deployed, hosts, outside }: Surroundings,
): Promise<{ builds: IdentifiedBuild[]; contents: Record<string, ContentFacts> }> {
  const built = services.filter(isBuilt);
  if (built.length === 0) return { builds: [], contents: {} };
  refuseEnvironment(process.env);
  const { builds: planned, ...bases } = await readBases(built, settings, inactive, outside);
  const places = placesOf(settings.registry!, project, planned);
  const cache = StatCache.open(ownFolder("cache"));
  const identified = identifyBuilds(planned, { fresh: settings.fresh, ...bases, cache });
  const facts = await allOrEveryProblem(
    planned.map(async ({ name, build: { context } }) => {
      const build = await own(identified, name)!;
      refuseOwnFolder(name, context, build);
      const contents = await contentFacts(build, places[name]!, settings, await deployed, { hosts, outside });
      return { build, contents };
    }),
  );
  cache.save();
  return {
    builds: facts.map(({ build }) => build),
    contents: Object.fromEntries(facts.map(({ build, contents }) => [build.name, contents])),
  };
}

function placesOf(
  { address, pullAddress }: Registry,
  project: string,
  builds: readonly PlannedBuild[],
): Record<string, ImagePlace> {
  const names = builds.map(({ name }) => name);
  const pull = repositories(pullAddress, project, names);
  return mapValues(repositories(address, project, names), (push, name) => ({ push, pull: pull[name]! }));
}

async function contentFacts(
  build: IdentifiedBuild,
  place: ImagePlace,
  { registry, fresh }: Settings,
  deployed: Deployed,
  { hosts, outside }: Pick<Surroundings, "hosts" | "outside">,
): Promise<ContentFacts> {
  const { name, identity } = build;
  const { content } = identity;
  const image = deployedImage(name, content, deployed, registry!, place);
  if (image && (await isAtHand(image, registry!, hosts, outside))) return { kind: "deployed", image };
  const pushed = `${place.push}:${contentTag(content)}`;
  const noCache = wantsNoCache(build, fresh, deployed);
  const before = own(deployed.images, name)?.content;
  const [cause, digest] = await Promise.all([
    writeManifest(identity).then(() => whyNew(before, identity)),
    blameSetting(registry!, () => outside.resolveDigest(pushed, accessTo(pushed, registry))),
  ]);
  if (noCache || digest === undefined) {
    refuseUnset(build);
    await refuseUnpushable(registry!, outside);
  }
  const found = digest === undefined ? undefined : { content, digest, ref: `${place.pull}@${digest}` };
  return { kind: "new", build, place, cause, noCache, found };
}

/** Identifies builds, bases first, because a base's content counts for what is built upon it. */
export function identifyBuilds(
  builds: readonly PlannedBuild[],
  options: IdentifyOptions,
): Record<string, Promise<IdentifiedBuild>> {
  const identified: Record<string, Promise<IdentifiedBuild>> = {};
  for (const build of builds) {
    const identifying = (async () => {
      const contents = build.bases.map(
        async (base) => [base, (await identified[base]!).identity.content] as const,
      );
      const builtContents = Object.fromEntries(await Promise.all(contents));
      return identifyBuild(build, { ...options, builtContents });
    })();
    identifying.catch(() => {}); // reported by whoever awaits it
    identified[build.name] = identifying;
  }
  return identified;
}

/**
 * Refuses secrets without a value, which the builder would not receive.
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

/**
 * Refuses a login of docker's that cannot push.
 *
 * @throws Problems
 */
async function refuseUnpushable(registry: Registry, { pushLogin }: Outside): Promise<void> {
  const host = registryHost(registry.address);
  const login = usesDockerLogin(registry) ? await pushLogin(host, registry.insecure) : undefined;
  if (login?.kind === "unusable") throw new Problems([unusableLogin(host, login.why)]);
}

/** Refuses a build that sees everfresh's own files: every run would change its content. */
function refuseOwnFolder(service: string, context: string, { identity }: IdentifiedBuild): void {
  const own = path.relative(context, path.resolve(".everfresh"));
  if (!identity.files.some((file) => file.context === undefined && file.path.startsWith(`${own}/`))) return;
  throw new Problems([
    problem(
      `services.${service}.build.context`,
      `the build sees ${own}, where everfresh keeps its own files`,
      "add it to .dockerignore",
    ),
  ]);
}
