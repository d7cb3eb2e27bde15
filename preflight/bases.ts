import type { OnBuildMemory } from "../adapters/onbuild-memory";
import { type Outside, outside as theOutside } from "../adapters/outside";
import { accessTo, blameSetting } from "../adapters/registry-access";
import type { ComposeProject, ServiceBuild } from "../core/compose/project";
import { baseImages, type IdentifyOptions, parentImages } from "../core/content";
import { allOrEveryProblem, Problems, problem } from "../core/problems";
import { own } from "../core/records";
import type { PlannedBuild } from "../core/release/builds";
import type { Registry } from "../core/settings";
import { planBuilds } from "./built-bases";

/** For each request about ONBUILD. Short, because nearly every answer is "none". */
const TIMEOUT_MS = 2_000;

/** The builds in order, and what counts of the images that they begin with. */
export type Bases = Pick<IdentifyOptions, "baseDigests" | "baseOnBuild"> & {
  /** Each after the builds that it needs. */
  builds: PlannedBuild[];
};

/**
 * What counts of the images that builds begin with: which other services build them, their ONBUILD instructions and, with
 * `pullBase`, their digests and those of the images that they copy from.
 *
 * @param inactive - services that are not deployed but whose image a build may need.
 * @throws Problems if a digest cannot be found, if it is uncertain which images need one, or if builds need each other.
 */
export async function readBases(
  services: readonly ServiceBuild[],
  { pullBase = false, registry }: { pullBase?: boolean; registry?: Registry },
  inactive: ComposeProject["inactive"] = [],
  outside: Outside = theOutside,
): Promise<Bases> {
  const { planned } = await planBuilds(services, inactive);
  // Unreadable Dockerfiles are reported later, with all other problems, when the build is identified.
  const parents = await Promise.all(planned.map(({ build }) => parentImages(build).catch(() => [])));
  const pulled = parents.filter((_, i) => pullBase || planned[i]!.buildOptions.pull);
  const asked = await readOnBuild(distinct(parents), new Set(pulled.flat()), registry, outside);
  const { planned: builds, baseOnBuild } = await planBuilds(services, inactive, asked);
  if (!pullBase || !registry) return { builds, baseOnBuild };
  // ONBUILD instructions may name further images.
  const images = await allOrEveryProblem(builds.map((service) => imagesOf(service, baseOnBuild)));
  return { builds, baseOnBuild, baseDigests: await digestsOf(distinct(images), registry, outside) };
}

/** @throws Problems if they are uncertain: a missing digest would mean a base image whose updates go unnoticed. */
async function imagesOf(
  { name, build }: ServiceBuild,
  baseOnBuild: IdentifyOptions["baseOnBuild"],
): Promise<string[]> {
  const found = await baseImages(build, { baseOnBuild }).catch(() => undefined);
  if (found?.unsure === undefined) return found?.images ?? [];
  throw new Problems([
    problem(
      `services.${name}.build`,
      `everfresh cannot tell which base images its Dockerfile names: ${found.unsure}`,
      "write it in a form that docs/content-identity.md lists, or turn everfresh:pullBase off",
    ),
  ]);
}

const distinct = (images: string[][]): string[] => [...new Set(images.flat())].sort();

/**
 * The current digests of base images, requested all at once.
 *
 * @throws Problems if a registry does not answer or has no such image.
 */
async function digestsOf(
  images: string[],
  registry: Registry,
  { resolveDigest }: Outside,
): Promise<Record<string, string>> {
  const digests = await Promise.all(
    images.map(async (image) => {
      const digest = await blameSetting(registry, () => resolveDigest(image, accessTo(image, registry)));
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

/**
 * The ONBUILD instructions of images, looked up like the builder does: in this machine's engine, then in the registry, and in
 * reverse order for images that are pulled. If a registry does not answer, its last known answer is used; undefined if there
 * is none.
 */
async function readOnBuild(
  images: string[],
  pulled: Set<string>,
  registry: Registry | undefined,
  outside: Outside,
): Promise<Record<string, string[] | undefined>> {
  if (images.length === 0) return {};
  const memory = await outside.readOnBuildMemory();
  const answers = await Promise.all(
    images.map(async (image) => {
      const known = own(memory, image);
      const here = async () => {
        const onBuild = await outside.localOnBuild(image);
        return onBuild && { onBuild };
      };
      const there = () => askRegistry(image, known, registry, outside);
      const answer = pulled.has(image)
        ? ((await there()) ?? (await here()))
        : ((await here()) ?? (await there()));
      return [image, answer] as const;
    }),
  );
  const found = answers.filter(
    (answer): answer is [string, OnBuildMemory[string]] => answer[1] !== undefined,
  );
  await outside.writeOnBuildMemory({ ...memory, ...Object.fromEntries(found) }, memory);
  return Object.fromEntries(answers.map(([image, answer]) => [image, answer?.onBuild]));
}

/** The registry's answer for an image, or the known one if the digest is the same or cannot be found. */
async function askRegistry(
  image: string,
  known: OnBuildMemory[string] | undefined,
  registry: Registry | undefined,
  { resolveDigest, onBuildOf }: Outside,
): Promise<OnBuildMemory[string] | undefined> {
  try {
    const access = { ...accessTo(image, registry), timeout: TIMEOUT_MS };
    const digest = await resolveDigest(image, access);
    if (digest === undefined || digest === known?.digest) return known;
    const onBuild = await onBuildOf(image, digest, access);
    return onBuild && { digest, onBuild };
  } catch {
    return known;
  }
}
