/** Exit status that tells Pulumi's language host that the user has been shown what is wrong. */
const saidItself = 32;
let listening = false;

/**
 * Ends the program quietly when the engine has stopped taking requests, as it does when a resource has failed. Pulumi's
 * SDK means to do the same, but then reports the refused request as an unhandled exception, with a stack trace.
 */
export function endWithTheEngine(): void {
  if (listening) return;
  listening = true;
  process.prependListener("unhandledRejection", (error) => {
    // The message is the SDK's own (runtime/resource.ts).
    if (error instanceof Error && error.message === "Resource monitor is terminating")
      process.exit(saidItself);
  });
}
