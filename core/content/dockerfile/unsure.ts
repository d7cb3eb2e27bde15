/**
 * A Dockerfile is not certain to be read here as the builder reads it. The message says why.
 */
export class Unsure extends Error {}
