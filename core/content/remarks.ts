import type { BuildSpec, ContentIdentity } from "./types";

/** What {@link remarks} needs to know about a build. */
export interface RemarkedBuild {
  service: string;
  spec: BuildSpec;
  identity: Pick<ContentIdentity, "files" | "inputs">;
  /** Whether it is about to be built without the cache. */
  buildsWithoutCache: boolean;
}

/** Advice about valid builds, each piece once: `<where>: <what>; <what to do>`. */
export function remarks(builds: readonly RemarkedBuild[]): string[] {
  const seeing = builds.filter(seesGit);
  const contexts = new Set(seeing.map(({ spec }) => spec.context));
  return [
    ...[...contexts].map(
      (context) =>
        `${namesOf(seeing.filter(({ spec }) => spec.context === context))}: the build sees .git, which changes with every commit and every fetch, and so does the image; add the line \`.git\` to ${context}/.dockerignore`,
    ),
    ...builds
      .filter((build) => build.buildsWithoutCache && keepsCaches(build))
      .map(
        ({ service }) =>
          `${service}: is built without cache, but not without the caches of its own \`RUN --mount=type=cache\`; \`docker builder prune --filter type=exec.cachemount\` empties those of all builds on this machine`,
      ),
  ];
}

const namesOf = (builds: readonly RemarkedBuild[]) => builds.map(({ service }) => service).join(", ");

const seesGit = ({ identity }: RemarkedBuild) =>
  identity.files.some(({ context, path }) => context === undefined && /^\.git(\/|$)/.test(path));

const keepsCaches = ({ identity }: RemarkedBuild) =>
  /--mount=[^\s"]*type=cache\b/i.test(JSON.stringify(identity.inputs.dockerfile));
