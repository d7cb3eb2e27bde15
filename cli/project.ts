import path from "node:path";

/** The checkout that this command line belongs to, which is also the Pulumi project. */
export const project = path.join(__dirname, "..");
