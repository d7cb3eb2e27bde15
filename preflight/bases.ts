import { localOnBuild } from "../adapters/engine";
import { readMemory, writeMemory } from "../adapters/onbuild-memory";
import { onBuildOf, resolveDigest } from "../adapters/registry";
import { type BuildSpec, baseImages, type IdentifyOptions, parentImages } from "../core/content";
import { Problems, problem } from "../core/problems";
import type { Registry } from "../core/settings";
import { accessTo, ask } from "./registries";

/**
 * What counts of the images that builds begin with: their ONBUILD instructions and, with `pullBase`, their digests.
 *
 * @throws Problems when a digest cannot be had.
 */
export async function readBases(
  builds: BuildSpec[],
  { pullBase, registry }: { pullBase?: boolean; registry?: Registry },
): Promise<Pick<IdentifyOptions, "baseDigests" | "baseOnBuild">> {
  const [baseDigests, baseOnBuild] = await Promise.all([
    pullBase && registry ? digestsOf(await distinct(builds, baseImages), registry) : undefined,
    readOnBuild(await distinct(builds, parentImages), registry),
  ]);
  return { baseDigests, baseOnBuild };
}

async function distinct(builds: BuildSpec[], of: (build: BuildSpec) => Promise<string[]>): Promise<string[]> {
  // What cannot be read is told, with all else that is wrong, when the build is identified.
  const images = await Promise.all(builds.map((build) => of(build).catch(() => [])));
  return [...new Set(images.flat())].sort();
}

/**
 * The current digests of base images, all asked at once.
 *
 * @throws Problems when a registry cannot be asked, or has no such image.
 */
async function digestsOf(images: string[], registry: Registry): Promise<Record<string, string>> {
  const digests = await Promise.all(
    images.map(async (image) => {
      const digest = await ask(registry, () => resolveDigest(image, accessTo(image, registry)));
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
 * The ONBUILD instructions of images, as the builder would find them: in this machine's engine, else in the registry.
 * Where neither answers, as they were when one last did. An image that nobody has ever told of is left out.
 */
async function readOnBuild(
  images: string[],
  registry: Registry | undefined,
): Promise<Record<string, string[]>> {
  if (images.length === 0) return {};
  const memory = await readMemory();
  const found = await Promise.all(
    images.map(async (image) => {
      const local = await localOnBuild(image);
      if (local) return [image, { onBuild: local }] as const;
      const known = Object.hasOwn(memory, image) ? memory[image] : undefined;
      try {
        const access = accessTo(image, registry);
        const digest = await resolveDigest(image, access);
        if (digest === undefined || digest === known?.digest) return [image, known] as const;
        const onBuild = await onBuildOf(image, digest, access);
        return [image, onBuild && { digest, onBuild }] as const;
      } catch {
        return [image, known] as const;
      }
    }),
  );
  const answers = found.flatMap(([image, answer]) => (answer ? [[image, answer] as const] : []));
  await writeMemory({ ...memory, ...Object.fromEntries(answers) }, memory);
  return Object.fromEntries(answers.map(([image, { onBuild }]) => [image, onBuild]));
}
