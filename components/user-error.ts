import * as pulumi from "@pulumi/pulumi";
import { Problems } from "../core/problems";

/** An error that Pulumi shows as it is: without a stack trace, and at once. */
export function userError(message: string): pulumi.RunError {
  const error = new pulumi.RunError(message);
  // Pulumi inspects an uncaught error down to every source map behind its stack, which takes half a minute under tsx.
  error.stack = undefined;
  return error;
}

/** Turns a user's mistake into one that Pulumi shows without a stack trace. */
export function withoutStackTrace(error: unknown): never {
  throw error instanceof Problems ? userError(error.message) : error;
}
