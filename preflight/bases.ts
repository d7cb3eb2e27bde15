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

/** For each request about ONBUILD: nearly every answer is "none". */
const TIMEOUT_MS = 2_000;

/** How all is built, and what counts of the images that builds begin with. */
export type Bases = Pick<IdentifyOptions, "baseDigests" | "baseOnBuild"> & {
  /** Each after those that it needs. */
  builds: PlannedBuild[];
};

/**
 * What counts of the images that builds begin with: which other services build them, their ONBUILD instructions and, with
 * `pullBase`, their digests and those of the images that they copy from.
 *
 * @param inactive - services whose image a build may need although they are not deployed.
 * @throws Problems when a digest cannot be had, when it is not certain of which images they are to be, or when builds need
 *   each other.
 */
export async function readBases(
  services: readonly ServiceBuild[],
  { pullBase = false, registry }: { pullBase?: boolean; registry?: Registry },
  inactive: ComposeProject["inactive"] = [],
  outside: Outside = theOutside,
): Promise<Bases> {
  const { planned } = await planBuilds(services, inactive);
  // What cannot be read is told, with all else that is wrong, when the build is identified.
  const parents = await Promise.all(planned.map(({ build }) => parentImages(build).catch(() => [])));
  const pulled = parents.filter((_, i) => pullBase || planned[i]!.buildOptions.pull);
  const asked = await readOnBuild(distinct(parents), new Set(pulled.flat()), registry, outside);
  const { planned: builds, baseOnBuild } = await planBuilds(services, inactive, asked);
  if (!pullBase || !registry) return { builds, baseOnBuild };
  // ONBUILD instructions may name further images.
  const images = await allOrEveryProblem(builds.map((service) => imagesOf(service, baseOnBuild)));
  return { builds, baseOnBuild, baseDigests: await digestsOf(distinct(images), registry, outside) };
}

/** @throws Problems when it is not certain which they are: a digest that is left out would be a base that nobody follows. */
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
 * The current digests of base images, all asked at once.
 *
 * @throws Problems when a registry cannot be asked, or has no such image.
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
 * The ONBUILD instructions of images, as the builder would find them: in this machine's engine, else in the registry; the
 * other way round for those that are pulled. Where a registry does not answer, as they were when it last did; undefined
 * for an image that nobody has ever told of.
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

/** What the registry says of an image; what is known of it while its digest is the same, or cannot be had. */
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
