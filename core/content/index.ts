/**
 * The content of a build: everything its image is made from, and one hash over it.
 *
 * Unlike the rest of core/, this module reads the disk: the build's context, its Dockerfile and ignore files, and the cache
 * of digests. It imports neither Pulumi nor child processes, does not use the network, and writes only that cache.
 */
export { type Change, changes, describe } from "./changes";
export {
  type BaseImages,
  baseImages,
  dockerfileText,
  identify,
  ownOnBuild,
  parentImages,
  pinnedDockerfile,
  serviceOf,
} from "./identify";
export { remarks } from "./remarks";
export { StatCache } from "./stat-cache";
export { type ContextSurvey, surveyContexts, type Unseen, type Weight } from "./survey";
export * from "./types";
