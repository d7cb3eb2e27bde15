export { type Change, changes, describe } from "./changes";
export { baseImages, identify } from "./identify";
export { StatCache } from "./stat-cache";
export * from "./types";
