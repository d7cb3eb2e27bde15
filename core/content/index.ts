export { type Change, changes, describe } from "./changes";
export { type Explanation, explain, type Unseen, type Weight } from "./explain";
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
export * from "./types";
