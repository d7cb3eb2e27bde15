/** The exit status that tells Pulumi's language host that the user has already been shown the error. */
export const saidItself = 32;

/**
 * Ends the program quietly when the engine stops taking requests, as it does after a resource has failed. Pulumi's SDK
 * intends the same, but reports the refused request as an unhandled exception, with a stack trace.
 */
export function endWithTheEngine(): void {
  if (!process.listeners("unhandledRejection").includes(endQuietly))
    process.prependListener("unhandledRejection", endQuietly);
}

function endQuietly(error: unknown): void {
  // The message is the SDK's own (runtime/resource.ts).
  if (error instanceof Error && error.message === "Resource monitor is terminating") process.exit(saidItself);
}
