/**
 * Thrown when a Dockerfile may be read differently here than by the builder. The message says why.
 */
export class Unsure extends Error {}
