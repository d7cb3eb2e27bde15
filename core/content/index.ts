export { type Change, changes, describe } from "./changes";
export { identify } from "./identify";
export { StatCache } from "./stat-cache";
export * from "./types";
