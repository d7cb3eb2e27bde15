import path from "node:path";
import { readManifest, writeManifest } from "../adapters/manifests";
import { resolveDigest } from "../adapters/registry";
import type { StackOutputs } from "../components/stack-outputs";
import type { ComposeService } from "../core/compose/project";
import { type ContentIdentity, changes, describe, identify, StatCache } from "../core/content";
import { contentTag, repositories } from "../core/images";
import { ownFolder } from "../core/own-folder";
import { excerpt } from "../core/printable";
import { allOrEveryProblem, Problems, problem } from "../core/problems";
import { own } from "../core/records";
import type { Settings } from "../core/settings";
import { readBases } from "./bases";
import { refuseEnvironment } from "./environment";
import { accessTo, ask } from "./registries";

export interface ServiceContent {
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
  refuseEnvironment(process.env);
  const registry = settings.registry!;
  const names = repositories(
    registry.address,
    project,
    services.map(({ name }) => name),
  );
  const bases = await readBases(services, settings);
  const cache = StatCache.open(ownFolder("cache"));
  const contents = await allOrEveryProblem(
    services.map(async ({ name, build, buildOptions }) => {
      const look = () => identify(build!, { fresh: settings.fresh, ...bases, cache });
      const identity = await look();
      const { content } = identity;
      const changedSince = async () => {
        const now = await look();
        return now.content === content ? undefined : inWords(identity, now);
      };
      refuseOwnFolder(name, build!.context, identity);
      const before = own((await previous).images, name);
      if (before?.content === content) {
        const found = before.built ? undefined : before.digest;
        return [name, { content, identity, found, noCache: before.noCache ?? false, changedSince }] as const;
      }
      const pushed = `${names[name]}:${contentTag(content)}`;
      // A nonce acts when it changes.
      const noCache =
        buildOptions.noCache || (settings.fresh !== undefined && settings.fresh !== before?.fresh);
      const [cause, found] = await Promise.all([
        explain(identity, before?.content),
        ask(registry, () => resolveDigest(pushed, accessTo(pushed, registry))),
      ]);
      const known = noCache ? undefined : found;
      return [name, { content, identity, cause, found: known, noCache, changedSince }] as const;
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
    ? inWords(manifest, identity)
    : "its content changed (this checkout has not seen what it was)";
}

/** Names of files may have anything in them. */
const inWords = (before: ContentIdentity, now: ContentIdentity) =>
  excerpt(describe(changes(before, now)), 1000);
