import { readManifest } from "../adapters/manifests";
import type { ContentIdentity } from "../core/content";
import { causeOf } from "../core/release/builds";

/**
 * Why a content is new, in the words that `preview`, `status` and `explain` share.
 *
 * @param before - the deployed content hash; undefined if there is none.
 */
export async function whyNew(before: string | undefined, now: ContentIdentity): Promise<string> {
  return causeOf(before, before === undefined ? undefined : await readManifest(before), now);
}
