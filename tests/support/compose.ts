import { stringify } from "yaml";
import type { ComposeText } from "../../core/compose/document";

/** A document as `docker compose config` prints it, for `readProject`; `written` as its author wrote it. */
export function printed(
  document: object,
  written: object = document,
): Pick<ComposeText, "resolved" | "exact" | "written" | "warnings"> {
  return {
    warnings: [],
    resolved: stringify(document),
    exact: JSON.stringify(document),
    written: stringify(written),
  };
}
