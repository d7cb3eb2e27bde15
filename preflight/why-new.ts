import { readManifest } from "../adapters/manifests";
import type { ContentIdentity } from "../core/content";
import { causeOf } from "../core/release/builds";

/**
 * Why a content is new, in words; `preview`, `status` and `explain` all say this.
 *
 * @param before - the content hash that is deployed; undefined when none is.
 */
export async function whyNew(before: string | undefined, now: ContentIdentity): Promise<string> {
  return causeOf(before, before === undefined ? undefined : await readManifest(before), now);
}
