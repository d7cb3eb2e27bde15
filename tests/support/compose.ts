import { stringify } from "yaml";
import type { ComposeText } from "../../core/compose/document";

/** What replaces `$HOME` and `$PWD` in the documents printed here. */
export const marks = { home: "/marked-home", folder: "/marked-folder" };

/** A document as `docker compose config` prints it, for `readProject`. In `written`, paths are as the author wrote them. */
export function printed(
  document: object,
  written: object = document,
): Omit<ComposeText, "folder" | "environment"> {
  return {
    resolved: stringify(document),
    exact: JSON.stringify(document),
    createHostPath: false,
    written: stringify(written),
    warnings: [],
    fromEnvFile: {},
    marks,
    sources: JSON.stringify(written),
  };
}
