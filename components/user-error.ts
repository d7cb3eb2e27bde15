import * as pulumi from "@pulumi/pulumi";
import { Problems } from "../core/problems";

/** An error that Pulumi shows at once and without a stack trace. */
export function userError(message: string): pulumi.RunError {
  const error = new pulumi.RunError(message);
  // Pulumi resolves every source map behind an uncaught error's stack, which takes half a minute under tsx.
  error.stack = undefined;
  return error;
}

/** Rethrows `Problems` as an error that Pulumi shows without a stack trace, and any other error as it is. */
export function withoutStackTrace(error: unknown): never {
  throw error instanceof Problems ? userError(error.message) : error;
}
