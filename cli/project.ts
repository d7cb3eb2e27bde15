import path from "node:path";

/** The checkout this command line belongs to: it is the Pulumi project too. */
export const project = path.join(__dirname, "..");
