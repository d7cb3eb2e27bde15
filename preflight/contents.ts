import path from "node:path";
import { readManifest, writeManifest } from "../adapters/manifests";
import { RegistryError, type RegistryOptions, resolveDigest } from "../adapters/registry";
import type { StackOutputs } from "../components/stack-outputs";
import type { ComposeService } from "../core/compose/project";
import { baseImages, type ContentIdentity, changes, describe, identify, StatCache } from "../core/content";
import { contentTag, registryHost, repositories } from "../core/images";
import { allOrEveryProblem, Problems, problem } from "../core/problems";
import type { Registry, Settings } from "../core/settings";

export interface ServiceContent {
  /** 64 hex digits over exactly what the build can see. */
  content: string;
  /** Why it is deployed anew, in words; absent when the stack has deployed just this content. */
  cause?: string;
  /** The digest under which the registry has the image already, built by somebody else: it is not built again. */
  found?: string;
  /** Looks again: what has changed since, in words; undefined when nothing has. */
  changedSince(): Promise<string | undefined>;
}

/** Identifies the content of each build, and looks up whether the registry has it. */
export async function identifyContents(
  project: string,
  services: ComposeService[],
  settings: Settings,
  previous: Promise<StackOutputs>,
): Promise<Record<string, ServiceContent>> {
  if (services.length === 0) return {};
  const registry = settings.registry!;
  const names = repositories(
    registry.address,
    project,
    services.map(({ name }) => name),
  );
  const cache = StatCache.open(path.join(".everfresh", "cache"));
  const contents = await allOrEveryProblem(
    services.map(async ({ name, build, buildOptions }) => {
      const baseDigests = settings.pullBase ? await digestsOf(await baseImages(build!), registry) : undefined;
      const look = () => identify(build!, { fresh: settings.fresh, baseDigests, cache });
      const identity = await look();
      const { content } = identity;
      const changedSince = async () => {
        const now = await look();
        return now.content === content ? undefined : describe(changes(identity, now));
      };
      refuseOwnFolder(name, build!.context, identity);
      const before = (await previous).images?.[name];
      if (before?.content === content) {
        return [name, { content, found: before.built ? undefined : before.digest, changedSince }] as const;
      }
      const past = settings.fresh !== undefined || buildOptions.noCache;
      const [cause, found] = await Promise.all([
        explain(identity, before?.content),
        ask(registry, () => resolveDigest(`${names[name]}:${contentTag(content)}`, access(registry))),
      ]);
      return [name, { content, cause, found: past ? undefined : found, changedSince }] as const;
    }),
  );
  cache.save();
  return Object.fromEntries(contents);
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
    ? describe(changes(manifest, identity))
    : "its content changed (this checkout has not seen what it was)";
}

/**
 * The current digests of base images, all asked at once.
 *
 * @throws Problems when a registry cannot be asked, or has no such image.
 */
export async function digestsOf(images: string[], registry: Registry): Promise<Record<string, string>> {
  const digests = await Promise.all(
    images.map(async (image) => {
      const ours = image.startsWith(`${registryHost(registry.address)}/`);
      const digest = await ask(registry, () => resolveDigest(image, ours ? access(registry) : {}));
      if (digest === undefined) {
        throw new Problems([
          problem(
            "everfresh:pullBase",
            `no registry has the base image ${image}`,
            "correct its name, or turn pullBase off",
          ),
        ]);
      }
      return [image, digest] as const;
    }),
  );
  return Object.fromEntries(digests);
}

/** How a registry of ours is asked. */
export function access({ username, password, insecure }: Registry): RegistryOptions {
  return { insecure, ...(username && password ? { auth: { username, password } } : {}) };
}

/** Names the setting that a registry's refusal is about. */
async function ask<T>(registry: Registry, question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const setting = {
      refused: registry.password ? "password" : "username",
      unreachable: "address",
      failing: "address",
    }[error.problem];
    throw new Problems([`everfresh:registry.${setting}: ${error.message}`]);
  }
}
