/** Exit status that tells Pulumi's language host that the user has been shown what is wrong. */
export const saidItself = 32;

/**
 * Ends the program quietly when the engine has stopped taking requests, as it does when a resource has failed. Pulumi's
 * SDK means to do the same, but then reports the refused request as an unhandled exception, with a stack trace.
 */
export function endWithTheEngine(): void {
  if (!process.listeners("unhandledRejection").includes(endQuietly))
    process.prependListener("unhandledRejection", endQuietly);
}

function endQuietly(error: unknown): void {
  // The message is the SDK's own (runtime/resource.ts).
  if (error instanceof Error && error.message === "Resource monitor is terminating") process.exit(saidItself);
}
