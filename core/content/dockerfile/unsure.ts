/**
 * The Dockerfile is not one that is certain to be read here as the builder reads it. The message says why.
 */
export class Unsure extends Error {}
