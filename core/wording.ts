import type * as v from "valibot";

export const notASetting = "is not a setting";

/** What is wrong with a setting, in words for the person who wrote it. */
export function wording(issue: v.BaseIssue<unknown>): string {
  if (!/^(strict_)?object$/.test(issue.type)) return issue.message;
  if (issue.expected === "never") return notASetting;
  const missing = issue.input === undefined || issue.expected !== "Object";
  return missing ? "is required" : "must be a group of settings";
}
