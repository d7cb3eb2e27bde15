export { type Change, changes, describe } from "./changes";
export { type Explanation, explain, type Unseen, type Weight } from "./explain";
export { type BaseImages, baseImages, identify, parentImages } from "./identify";
export { remarks } from "./remarks";
export { StatCache } from "./stat-cache";
export * from "./types";
